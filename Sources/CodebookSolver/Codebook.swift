/// A codebook in its stored form.
///
/// File layout of codec 1, little-endian: byte 0 the family (1 free, 2 octant), byte 1 b or s, byte 2 the window's bits, byte 3
/// zero, bytes 4 to 7 the grid step as float32 (free: zero); then 2^window entries: pairs of float32 (free) or of
/// bytes (octant). That of polar codes: byte 0 b (which is no family's number), byte 1 zero, bytes 2 to 7 the numbers of amplitudes and
/// of phases and zero, as u16; then the amplitudes and the phases' cosines and sines as float32.
struct Codebook: Sendable {
    /// The family and rate of a codebook.
    enum Name: Hashable, Sendable {
        /// 2^bits codewords anywhere in the plane.
        case free(bits: Int)
        /// Base points of an octant, selected by windows that advance by `bitsPerStep` bits per pair.
        case octant(bitsPerStep: Int)
        /// At most 2^bits products of amplitudes and directions.
        case polar(bits: Int)

        static let all =
            (4...13).map { Self.free(bits: $0) } + (1...10).map { Self.octant(bitsPerStep: $0) } + (4...13).map { Self.polar(bits: $0) }

        /// Parses "free-11", "octant-5" or "polar-11".
        init?(_ text: some StringProtocol) {
            let parts = text.split(separator: "-")
            guard parts.count == 2, let parameter = Int(parts[1]) else { return nil }
            switch (parts[0], parameter) {
            case ("free", 4...13): self = .free(bits: parameter)
            case ("octant", 1...10): self = .octant(bitsPerStep: parameter)
            case ("polar", 4...13): self = .polar(bits: parameter)
            default: return nil
            }
        }

        /// The base name of the file, with two digits.
        var fileName: String {
            let (family, parameter) =
                switch self {
                case .free(let bits): ("free", bits)
                case .octant(let bitsPerStep): ("octant", bitsPerStep)
                case .polar(let bits): ("polar", bits)
                }
            return "\(family)-\(parameter < 10 ? "0" : "")\(parameter)"
        }

        /// Bits of an index into the codebook.
        var windowBits: Int {
            switch self {
            case .free(let bits), .polar(let bits): bits
            case .octant(let bitsPerStep): max(8, bitsPerStep)
            }
        }

        /// The rate; an octant pair has two sign bits and a swap bit in addition to its base bits.
        var bitsPerWeight: Double {
            switch self {
            case .free(let bits), .polar(let bits): Double(bits) / 2
            case .octant(let bitsPerStep): Double(3 + bitsPerStep) / 2
            }
        }
    }

    enum Table: Sendable {
        /// Codewords of the plane.
        case free([SIMD2<Float>])
        /// Base points x >= y >= 0, as multiples of `step`.
        case octant(step: Float, points: [SIMD2<UInt8>])
        /// Codewords are the products, all directions of the first amplitude first.
        case polar(amplitudes: [Float], directions: [SIMD2<Float>])
    }

    let name: Name
    let table: Table

    /// The points before swaps and signs.
    var points: [SIMD2<Float>] {
        switch table {
        case .free(let points): points
        case .octant(let step, let points): points.map { SIMD2<Float>($0) * step }
        case .polar(let amplitudes, let directions): amplitudes.flatMap { amplitude in directions.map { $0 * amplitude } }
        }
    }

    init(name: Name, table: Table) {
        self.name = name
        self.table = table
    }

    init?(fileContents bytes: [UInt8]) {
        guard bytes.count >= 8 else { return nil }
        func float(at offset: Int) -> Float {
            Float(bitPattern: (0..<4).reduce(0) { $0 | UInt32(bytes[offset + $1]) << (8 * UInt32($1)) })
        }
        func pairs(_ count: Int, at offset: Int) -> [SIMD2<Float>] {
            (0..<count).map { SIMD2(float(at: offset + 8 * $0), float(at: offset + 8 * $0 + 4)) }
        }
        let name: Name? =
            switch bytes[0] {
            case 1: Name("free-\(bytes[1])")
            case 2: Name("octant-\(bytes[1])")
            case let bits: Name("polar-\(bits)")
            }
        guard let name else { return nil }
        let count = 1 << name.windowBits
        switch name {
        case .polar:
            let (amplitudes, phases) = (Int(bytes[2]) | Int(bytes[3]) << 8, Int(bytes[4]) | Int(bytes[5]) << 8)
            guard amplitudes > 0, phases > 0, bytes.count == 8 + 4 * amplitudes + 8 * phases else { return nil }
            table = .polar(
                amplitudes: (0..<amplitudes).map { float(at: 8 + 4 * $0) }, directions: pairs(phases, at: 8 + 4 * amplitudes))
        case .free:
            guard Self.hasWindow(bytes, name), bytes.count == 8 + 8 * count else { return nil }
            table = .free(pairs(count, at: 8))
        case .octant:
            guard Self.hasWindow(bytes, name), bytes.count == 8 + 2 * count else { return nil }
            table = .octant(
                step: float(at: 4), points: (0..<count).map { SIMD2(bytes[8 + 2 * $0], bytes[9 + 2 * $0]) })
        }
        self.name = name
    }

    /// Whether bytes 2 and 3 are those of a codebook of codec 1.
    private static func hasWindow(_ bytes: [UInt8], _ name: Name) -> Bool {
        bytes[2] == UInt8(name.windowBits) && bytes[3] == 0
    }

    var fileContents: [UInt8] {
        func bytes(_ value: Float) -> [UInt8] {
            (0..<4).map { UInt8(truncatingIfNeeded: value.bitPattern >> (8 * UInt32($0))) }
        }
        let window = UInt8(name.windowBits)
        switch (name, table) {
        case (.free(let parameter), .free(let points)):
            return [1, UInt8(parameter), window, 0, 0, 0, 0, 0] + points.flatMap { bytes($0.x) + bytes($0.y) }
        case (.octant(let parameter), .octant(let step, let points)):
            return [2, UInt8(parameter), window, 0] + bytes(step) + points.flatMap { [$0.x, $0.y] }
        case (.polar(let parameter), .polar(let amplitudes, let directions)):
            let counts = [amplitudes.count, directions.count, 0].flatMap { [UInt8($0 & 255), UInt8($0 >> 8)] }
            return [UInt8(parameter), 0] + counts + amplitudes.flatMap { bytes($0) } + directions.flatMap { bytes($0.x) + bytes($0.y) }
        default:
            preconditionFailure("the table does not match the name's family")
        }
    }
}
