internal import QAMFormat

/// A detached signature of a model's content: a text file of three lines (spec section 6.10).
package struct Signature: Hashable, Sendable {
    /// The root of the content that was signed.
    package let root: [UInt8]
    /// Ed25519's 64 bytes.
    package let bytes: [UInt8]

    private static let title = "qamw signature 1"

    init(root: [UInt8], bytes: [UInt8]) {
        self.root = root
        self.bytes = bytes
    }

    /// What is signed: no other use of a key signs the same.
    static func message(_ root: [UInt8]) -> [UInt8] { Array("qamw content\n".utf8) + root }

    /// The content of the file.
    package var text: String { "\(Self.title)\nroot \(Format.hexadecimal(root))\ned25519 \(Format.hexadecimal(bytes))\n" }

    /// Reads a signature. Throws `malformed` for anything else.
    package init(path: String) throws {
        let file = try FileBytes(path: path)
        let fault = QAMError(.malformed, "not a signature of qamw sign", at: .init(file: path))
        guard file.byteCount <= 1 << 10 else { throw fault }
        let lines = String(decoding: try file.read(0..<file.byteCount), as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
        guard lines.count == 4, lines[0] == Self.title, lines[3].isEmpty, let root = Self.bytes(lines[1], after: "root "), root.count == HashTree.digestLength,
            let bytes = Self.bytes(lines[2], after: "ed25519 "), bytes.count == 64
        else { throw fault }
        self.init(root: root, bytes: bytes)
        // One text for each signature.
        guard lines.joined(separator: "\n") == text else { throw fault }
    }

    private static func bytes(_ line: Substring, after name: String) -> [UInt8]? {
        guard line.hasPrefix(name) else { return nil }
        let digits = Array(line.dropFirst(name.count).utf8)
        guard digits.count % 2 == 0 else { return nil }
        var bytes: [UInt8] = []
        for index in stride(from: 0, to: digits.count, by: 2) {
            guard let byte = UInt8(String(decoding: digits[index..<index + 2], as: UTF8.self), radix: 16) else { return nil }
            bytes.append(byte)
        }
        return bytes
    }
}
