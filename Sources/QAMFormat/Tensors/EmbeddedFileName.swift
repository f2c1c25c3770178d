/// Rules for names of embedded files, which may become names of files on disk.
public enum EmbeddedFileName {
    /// Whether a name is that of a file below the model's folder: parts separated by slashes, none of which is empty, `.` or `..`, no
    /// control characters or backslashes, at most 255 bytes.
    public static func isValid(_ name: String) -> Bool {
        guard name.utf8.count <= 255, name.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F && $0 != UInt8(ascii: "\\") }) else { return false }
        return name.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).allSatisfy {
            !$0.isEmpty && !$0.elementsEqual(".".utf8) && !$0.elementsEqual("..".utf8)
        }
    }

    /// Whether a valid name has no folder.
    public static func isPlain(_ name: String) -> Bool { isValid(name) && !name.utf8.contains(UInt8(ascii: "/")) }
}
