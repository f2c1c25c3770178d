internal import Synchronization

/// The temporary files of this process, removed when it is terminated.
package enum TemporaryFiles {
    private static let paths = Mutex<Set<String>>([])

    static func add(_ path: String) { paths.withLock { _ = $0.insert(path) } }

    static func forget(_ path: String) { paths.withLock { _ = $0.remove(path) } }

    /// Removes all of them, or those selected, as far as possible. Waits for outputs that are being put in place.
    package static func removeAll(where isMeant: (String) -> Bool = { _ in true }) {
        paths.withLock { paths in
            for path in paths.filter(isMeant) {
                try? SystemCalls.remove(path)
                paths.remove(path)
            }
        }
    }

    /// Puts files in place while blocking `removeAll`: old files have temporary names meanwhile.
    static func whilePlacing(_ files: [OutputFile], _ body: () throws -> Void) throws {
        try paths.withLock { paths in
            try body()
            for file in files { paths.remove(file.temporaryPath) }
        }
    }

    /// The maximum length of names on file systems, in bytes.
    private static let longestName = 255

    /// An unused name next to `path`: `NAME.3f9a0c1be2d47586.KIND`, with NAME shortened if needed.
    package static func uniqueName(beside path: String, kind: String) -> String {
        let digits = String(UInt64.random(in: 0...UInt64.max), radix: 16)
        let suffix = ".\(String(repeating: "0", count: 16 - digits.count))\(digits).\(kind)"
        var name = Path.name(of: path)
        while name.utf8.count + suffix.utf8.count > longestName { name.removeLast() }
        return Path.join(Path.folder(of: path), name + suffix)
    }
}
