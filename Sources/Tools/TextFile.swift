internal import QAMFormat

/// The bytes of a file, or of standard input where the path is `-`.
enum TextFile {
    static let standardInput = "-"

    /// No longer texts are read.
    private static let maximumLength = 1 << 30

    /// Throws `notFound`, `io`, or `limitExceeded` for more than a GiB.
    static func read(_ path: String) throws -> [UInt8] {
        let stream = try path == standardInput ? nil : FileStream(path: path)
        var bytes: [UInt8] = []
        while true {
            try Interruption.check()
            let more = try stream?.next(1 << 20) ?? Platform.readStandardInput(1 << 16, waiting: Interruption.check)
            if more.isEmpty { return bytes }
            bytes += more
            guard bytes.count <= maximumLength else {
                throw QAMError(.limitExceeded, "more than \(Format.bytes(maximumLength)) are not read at once", at: .init(file: path))
            }
        }
    }
}
