/// The printable characters that stand for bytes in byte-level BPE.
enum ByteCharacters {
    private static let scalars: [Unicode.Scalar] = {
        let printable = Set(Array(0x21...0x7E) + Array(0xA1...0xAC) + Array(0xAE...0xFF) as [UInt32])
        var next: UInt32 = 256
        return (0..<256 as Range<UInt32>).map { byte in
            guard !printable.contains(byte) else { return Unicode.Scalar(UInt8(byte)) }
            defer { next += 1 }
            return Unicode.Scalar(next) ?? " "
        }
    }()

    /// The byte of each character, by its number; the characters end before 512.
    private static let values: [UInt8?] = {
        var values = [UInt8?](repeating: nil, count: 512)
        for (byte, scalar) in scalars.enumerated() { values[Int(scalar.value)] = UInt8(byte) }
        return values
    }()

    static func text(_ bytes: [UInt8]) -> String {
        var view = String.UnicodeScalarView()
        view.append(contentsOf: bytes.lazy.map { scalars[Int($0)] })
        return String(view)
    }

    /// The bytes that a text stands for; nil if one of its characters stands for none.
    static func bytes(_ text: String) -> [UInt8]? {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.utf8.count)
        for scalar in text.unicodeScalars {
            guard scalar.value < values.count, let byte = values[Int(scalar.value)] else { return nil }
            bytes.append(byte)
        }
        return bytes
    }
}
