internal import CQAMKernels.Polar

/// A codebook of the polar codec: the amplitudes and directions with which pairs of rotated weights are coded (spec section 15.2).
///
/// Its bytes come from files, so `init(record:)` validates all of them; every instance is valid.
package struct PolarCodebook: CodebookPayload, Hashable {
    package let code: Code
    /// In ascending order.
    package let amplitudes: [Float]
    /// Consecutive pairs (cosine, sine).
    package let directions: [Float]
    /// The equivalent codebook of family `free`, with a point for each symbol: decoders and products use its kernels.
    package let table: Codebook

    /// O(codewords).
    ///
    /// - Throws: `QAMError.malformed` for invalid bytes.
    package init(record: [UInt8]) throws {
        func malformed(_ message: String) -> QAMError { QAMError(.malformed, "codebook: \(message)") }
        func integer(at offset: Int) -> Int { Int(record[offset]) | Int(record[offset + 1]) << 8 }
        guard record.count >= Self.headerLength else { throw malformed("\(record.count) bytes are too few") }
        code = try Code(.polar, rate: Int(record[0]))
        guard record[1] == 0, integer(at: 6) == 0 else { throw malformed("reserved bytes are not zero") }
        let amplitudeCount = integer(at: 2), phaseCount = integer(at: 4)
        guard amplitudeCount > 0, phaseCount > 0, amplitudeCount * phaseCount <= 1 << code.rate else {
            throw malformed("\(amplitudeCount) amplitudes and \(phaseCount) phases are not a code of \(code.rate) bits per pair")
        }
        let expected = Self.headerLength + 4 * amplitudeCount + 8 * phaseCount
        guard record.count >= expected else { throw malformed("\(record.count) bytes where \(expected) belong") }
        let numbers = stride(from: Self.headerLength, to: expected, by: 4).map { place in
            Float(bitPattern: (0..<4).reduce(UInt32(0)) { $0 | UInt32(record[place + $1]) << UInt32(8 * $1) })
        }
        amplitudes = Array(numbers[..<amplitudeCount])
        directions = Array(numbers[amplitudeCount...])
        guard directions.allSatisfy(\.isFinite) else { throw malformed("a direction is not finite") }
        guard amplitudes[0] > 0, amplitudes.allSatisfy(\.isFinite), zip(amplitudes, amplitudes.dropFirst()).allSatisfy({ $0 < $1 }) else {
            throw malformed("amplitudes are not finite, positive and ascending")
        }
        table = try Self.table(code, amplitudes, directions)
    }

    /// The payload of a codebook record, which `init(record:)` parses to an equal codebook.
    package var record: [UInt8] {
        let counts = [amplitudes.count, directions.count / 2, 0].flatMap { [UInt8($0 & 0xFF), UInt8($0 >> 8)] }
        return (amplitudes + directions).reduce(into: [UInt8(code.rate), 0] + counts) { bytes, number in
            for shift in stride(from: UInt32(0), to: 32, by: 8) { bytes.append(UInt8(truncatingIfNeeded: number.bitPattern >> shift)) }
        }
    }

    private static let headerLength = 8

    private static func table(_ code: Code, _ amplitudes: [Float], _ directions: [Float]) throws -> Codebook {
        var points = [Float](repeating: 0, count: 2 << code.rate)
        unsafe amplitudes.withUnsafeBufferPointer { amplitudes in
            unsafe directions.withUnsafeBufferPointer { directions in
                var codebook = unsafe pk_codebook(
                    rate: UInt32(code.rate), amplitude_count: UInt32(amplitudes.count), phase_count: UInt32(directions.count / 2),
                    amplitudes: amplitudes.baseAddress, directions: directions.baseAddress)
                unsafe pk_expand(&codebook, &points)
            }
        }
        return try Codebook(points: points, rate: code.rate)
    }
}
