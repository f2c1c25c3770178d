package import QAMFormat

/// The kind of a file, determined by its first bytes, never by its name.
package enum FileKind: Hashable, Sendable {
    case safetensors
    /// A zip archive, as PyTorch's files are.
    case pytorch
    /// The JSON file that maps tensors to shards, of safetensors or PyTorch.
    case shardIndex
    case gguf
    case qamw
    case folder
    /// A known format that is not a model file supported here: its name, and advice.
    case foreign(name: String, advice: String)
    case unknown

    /// Inspects the file or folder. Throws `notFound` or `io`. Reads at most 1 MiB.
    package static func of(path: String) throws -> FileKind {
        if try FileStatus(path)?.kind == .folder { return .folder }
        return try of(FileBytes(path: path))
    }

    /// Inspects a file's bytes.
    package static func of(_ file: any ByteSource) throws -> FileKind {
        let head = try file.read(0..<min(file.byteCount, 512))
        if head.isEmpty { return .foreign(name: "an empty file", advice: "fetch it again") }
        // Also if the signature is damaged, so that the damage is reported instead of an unknown file.
        if FileHeader.isLikely(head) { return .qamw }
        if head.starts(with: Array("GGUF".utf8)) { return .gguf }
        // A header length below 4 GiB, then the header's opening brace. Tested before the foreign signatures, whose first two bytes may
        // also be those of a length.
        if head.count > 8, head[4..<8].allSatisfy({ $0 == 0 }), head[8] == UInt8(ascii: "{") { return .safetensors }
        if head.starts(with: [0x50, 0x4B, 3, 4]) { return .pytorch }
        if let signature = Signature.known.first(where: { $0.matches(head) }) {
            return .foreign(name: signature.name, advice: signature.advice)
        }
        return try ofText(file, head: head)
    }

    /// The error for a file of a known foreign format.
    package var refusal: QAMError? {
        guard case .foreign(let name, let advice) = self else { return nil }
        return QAMError(.malformed, "this is \(name), not a model file that can be read here: \(advice)")
    }

    /// Whether a file of some length begins as text does: UTF-8 without control characters, and with white space if it is long.
    package static func isText(_ file: any ByteSource, atLeast length: Int) throws -> Bool {
        guard file.byteCount >= length else { return false }
        var head = try file.read(0..<min(file.byteCount, 512))
        // The last character may be cut off.
        if head.count < file.byteCount {
            while let last = head.last, last & 0xC0 == 0x80 { head.removeLast() }
            if let last = head.last, last >= 0xC0 { head.removeLast() }
        }
        guard let text = String(validating: head, as: UTF8.self), !text.isEmpty else { return false }
        return text.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F || "\t\n\r\u{C}".unicodeScalars.contains($0) }
            && (head.count < 64 || text.contains(where: \.isWhitespace))
    }

    private static func ofText(_ file: any ByteSource, head: [UInt8]) throws -> FileKind {
        let text = String(decoding: head, as: UTF8.self).drop { $0.isWhitespace || $0 == "\u{FEFF}" }
        let lowercased = text.lowercased()
        if lowercased.hasPrefix("<!doctype") || lowercased.hasPrefix("<html") || lowercased.hasPrefix("<?xml") {
            return .foreign(name: "a web page", advice: "the download went wrong; fetch the file itself")
        }
        guard text.hasPrefix("{") else {
            guard try isText(file, atLeast: 1) else { return .unknown }
            return .foreign(name: "a text file", advice: "give the model file or its folder")
        }
        let start = String(decoding: try file.read(0..<min(file.byteCount, 1 << 20)), as: UTF8.self)
        if start.contains("\"weight_map\"") { return .shardIndex }
        return .foreign(name: "a JSON file", advice: "give the model file or its folder")
    }
}

/// The bytes that identify a file format, at a fixed offset.
private struct Signature {
    let offset: Int
    let bytes: [UInt8]
    let name: String
    let advice: String

    private init(_ bytes: [UInt8], at offset: Int = 0, _ name: String, _ advice: String) {
        self.offset = offset
        self.bytes = bytes
        self.name = name
        self.advice = advice
    }

    func matches(_ head: [UInt8]) -> Bool { head.dropFirst(offset).starts(with: bytes) }

    private static let pickleAdvice = "save the model's state dict with torch.save of version 1.6 or later, or as safetensors"

    static let known: [Signature] = [
        Signature(Array("version https://git-lfs.github.com/".utf8), "a git-lfs pointer", "run \"git lfs pull\" in its repository"),
        // The magic number of `torch.save`, as a pickled integer.
        Signature(
            [0x80, 0x02, 0x8A, 0x0A, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19], "a PyTorch file of the form before version 1.6",
            "load it with torch.load, and save it again with torch.save or as safetensors"),
        Signature([0x80, 0x02], "a Python pickle", pickleAdvice),
        Signature([0x80, 0x03], "a Python pickle", pickleAdvice),
        Signature([0x80, 0x04], "a Python pickle", pickleAdvice),
        Signature([0x80, 0x05], "a Python pickle", pickleAdvice),
        Signature([0x1F, 0x8B], "gzip data", "decompress it with gunzip"),
        Signature([0x28, 0xB5, 0x2F, 0xFD], "zstd data", "decompress it with unzstd"),
        Signature([0xFD, 0x37, 0x7A, 0x58, 0x5A, 0x00], "xz data", "decompress it with unxz"),
        Signature(Array("BZh".utf8), "bzip2 data", "decompress it with bunzip2"),
        Signature(
            Array("ustar".utf8), at: 257, "a tar archive",
            "unpack it with tar; a PyTorch file from before version 0.2, which holds sys_info, must be loaded with torch.load and saved again"),
        Signature(
            [0x89, 0x48, 0x44, 0x46, 0x0D, 0x0A, 0x1A, 0x0A], "an HDF5 file, as Keras's weights are",
            "save the model as safetensors"),
        Signature([0x93] + Array("NUMPY".utf8), "a NumPy array", "save the model as safetensors"),
        // Magic numbers of formats before GGUF, stored as little-endian integers.
        Signature(Array("lmgg".utf8), "a GGML file from before GGUF", "convert the original model again"),
        Signature(Array("fmgg".utf8), "a GGMF file from before GGUF", "convert the original model again"),
        Signature(Array("tjgg".utf8), "a GGJT file from before GGUF", "convert the original model again"),
    ]
}
