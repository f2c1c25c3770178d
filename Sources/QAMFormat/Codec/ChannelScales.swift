/// One positive factor for each column, stored as float16 (spec section 8.1).
package enum ChannelScales {
    /// Parses a stream of scales.
    ///
    /// - Throws: `QAMError.malformed` unless every scale is a positive, finite, normal number.
    package static func parse(_ bytes: [UInt8]) throws -> [Float] {
        let halves = stride(from: 0, to: bytes.count - 1, by: 2).map { UInt16(bytes[$0]) | UInt16(bytes[$0 + 1]) << 8 }
        for (column, half) in halves.enumerated() where !Half.positiveNormal.contains(half) {
            throw QAMError(.malformed, "channel scale of column \(column) is not a positive, finite, normal number")
        }
        return halves.map(Half.float(from:))
    }

    /// The stream of scales, each rounded to nearest even.
    ///
    /// - Throws: `QAMError.invalidArgument` if a scale is not a positive normal float16 number.
    package static func bytes(_ scales: [Float]) throws -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(2 * scales.count)
        for (column, scale) in scales.enumerated() {
            let half = Half.bits(of: scale)
            guard Half.positiveNormal.contains(half) else {
                throw QAMError(.invalidArgument, "channel scale \(scale) of column \(column) does not fit a normal float16 number")
            }
            bytes.append(UInt8(truncatingIfNeeded: half))
            bytes.append(UInt8(half >> 8))
        }
        return bytes
    }
}
