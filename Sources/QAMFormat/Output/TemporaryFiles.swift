internal import Synchronization

/// The temporary files of this process. A process that is told to end at once removes them first.
package enum TemporaryFiles {
    private static let paths = Mutex<Set<String>>([])

    static func add(_ path: String) { paths.withLock { _ = $0.insert(path) } }

    static func forget(_ path: String) { paths.withLock { _ = $0.remove(path) } }

    /// Removes all of them, or those that are meant, as far as the system lets it. Waits for outputs that are being put in place.
    package static func removeAll(where isMeant: (String) -> Bool = { _ in true }) {
        paths.withLock { paths in
            for path in paths.filter(isMeant) {
                try? SystemCalls.remove(path)
                paths.remove(path)
            }
        }
    }

    /// Puts files in place under their final names, while `removeAll` waits: in the meantime old files have temporary names.
    static func whilePlacing(_ files: [OutputFile], _ body: () throws -> Void) throws {
        try paths.withLock { paths in
            try body()
            for file in files { paths.remove(file.temporaryPath) }
        }
    }

    /// File systems take names of so many bytes.
    private static let longestName = 255

    /// A name beside `path` that nothing has: `NAME.3f9a0c1be2d47586.KIND`, NAME cut where it would be too long.
    static func uniqueName(beside path: String, kind: String) -> String {
        let digits = String(UInt64.random(in: 0...UInt64.max), radix: 16)
        let suffix = ".\(String(repeating: "0", count: 16 - digits.count))\(digits).\(kind)"
        var name = Path.name(of: path)
        while name.utf8.count + suffix.utf8.count > longestName { name.removeLast() }
        return Path.join(Path.folder(of: path), name + suffix)
    }
}
