#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Reading and replacing whole files.
enum FileAccess {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    static func read(_ path: String) throws(Failure) -> [UInt8] {
        guard let file = unsafe fopen(path, "rb") else { throw Failure(description: "cannot open \(path)") }
        defer { unsafe fclose(file) }
        var contents: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = unsafe fread(&buffer, 1, buffer.count, file)
            if count == 0 { break }
            contents += buffer[..<count]
        }
        guard unsafe ferror(file) == 0 else { throw Failure(description: "cannot read \(path)") }
        return contents
    }

    /// Writes a temporary file next to `path` and renames it, so that readers never see a partial file.
    static func replace(_ path: String, with contents: [UInt8]) throws(Failure) {
        let temporary = path + ".tmp"
        guard let file = unsafe fopen(temporary, "wb") else {
            throw Failure(description: "cannot create \(temporary)")
        }
        let written = unsafe fwrite(contents, 1, contents.count, file)
        guard unsafe fclose(file) == 0, written == contents.count,
            unsafe rename(temporary, path) == 0
        else {
            throw Failure(description: "cannot write \(path)")
        }
    }
}
