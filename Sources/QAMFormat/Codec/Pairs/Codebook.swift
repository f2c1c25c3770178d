/// A codebook of the pair codec: the points of the plane with which pairs of rotated weights are coded (spec section 8.3).
///
/// Its bytes come from files, so `init(record:)` validates all of them; every instance is valid.
package struct Codebook: CodebookPayload, Hashable {
    /// The structure of codewords and symbols, as identified in records and parameters.
    package enum Family: UInt8, CaseIterable, Hashable, Sendable {
        case free = 1
        case octant = 2

        /// The codes of this family.
        package var code: Code.Family {
            switch self {
            case .free: .free
            case .octant: .octant
            }
        }
    }

    package let family: Family
    /// Bits of a symbol (free), or bits per step: new base bits per pair (octant).
    package let rate: Int
    /// The unit of magnitudes (octant); 0 for a free codebook.
    package let step: Float
    /// Consecutive pairs (x, y) (free); empty for an octant codebook.
    package let points: [Float]
    /// In units of `step`: the larger magnitude of each base point, then the smaller ones in the same order (octant); empty for a free codebook.
    package let magnitudes: [UInt8]

    /// The code that this codebook belongs to.
    package let code: Code
    /// The unit of the codewords that kernels decode: the step (octant), or 1 (free).
    package var unit: Float { family == .octant ? step : 1 }

    /// The number of codewords, or of base points.
    package var count: Int { (family == .free ? points.count : magnitudes.count) / 2 }

    /// Parses the payload of a codebook record. O(codewords).
    ///
    /// - Throws: `QAMError.malformed` for invalid bytes, `unsupported` for an unknown family.
    package init(record: [UInt8]) throws {
        func malformed(_ message: String) -> QAMError { QAMError(.malformed, "codebook: \(message)") }
        guard record.count >= Self.headerLength else { throw malformed("\(record.count) bytes are too few") }
        guard let family = Family(rawValue: record[0]) else {
            throw QAMError(.unsupported, "codebook family \(record[0]) is unknown")
        }
        let rate = Int(record[1])
        guard family.code.rates.contains(rate) else { throw malformed("\(family.code.name) has no rate \(rate)") }
        let window = Self.windowBits(family, rate: rate)
        guard Int(record[2]) == window else { throw malformed("window of \(record[2]) bits where \(window) belong") }
        guard record[3] == 0 else { throw malformed("reserved byte is not zero") }
        let expected = Self.headerLength + (1 << window) * (family == .free ? 8 : 2)
        guard record.count >= expected else { throw malformed("\(record.count) bytes where \(expected) belong") }
        // A later version may append data after the points.
        let record = record.prefix(expected)

        self.family = family
        self.rate = rate
        code = try Code(family.code, rate: rate)
        step = Self.float(record, at: 4)
        switch family {
        case .free:
            guard step.bitPattern == 0 else { throw malformed("step of a free codebook is not zero") }
            points = stride(from: Self.headerLength, to: record.count, by: 4).map { Self.float(record, at: $0) }
            magnitudes = []
            guard points.allSatisfy(\.isFinite) else { throw malformed("a codeword is not finite") }
        case .octant:
            guard step > 0, step.isFinite else { throw malformed("step is not positive and finite") }
            points = []
            let larger = stride(from: Self.headerLength, to: record.count, by: 2)
            magnitudes = larger.map { record[$0] } + larger.map { record[$0 + 1] }
            for (k, a) in larger.enumerated() where record[a] < record[a + 1] {
                throw malformed("base point \(k) lies outside the octant")
            }
        }
    }

    /// A codebook of family `free` with these points, 2^rate pairs (x, y).
    init(points: [Float], rate: Int) throws {
        precondition(points.count == 2 << rate)
        family = .free
        self.rate = rate
        code = try Code(.free, rate: rate)
        step = 0
        self.points = points
        magnitudes = []
    }

    /// The payload of a codebook record, which `init(record:)` parses to an equal codebook.
    package var record: [UInt8] {
        var bytes: [UInt8] = [family.rawValue, UInt8(rate), UInt8(Self.windowBits(family, rate: rate)), 0]
        for value in [step] + points {
            for shift in stride(from: UInt32(0), to: 32, by: 8) { bytes.append(UInt8(truncatingIfNeeded: value.bitPattern >> shift)) }
        }
        if family == .octant { for k in 0..<count { bytes += [magnitudes[k], magnitudes[count + k]] } }
        return bytes
    }

    private static let headerLength = 8

    /// Bits that select a codeword or base point.
    private static func windowBits(_ family: Family, rate: Int) -> Int { family == .free ? rate : max(rate, 8) }

    private static func float(_ bytes: ArraySlice<UInt8>, at offset: Int) -> Float {
        Float(bitPattern: (0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[offset + $1]) << UInt32(8 * $1) })
    }
}
