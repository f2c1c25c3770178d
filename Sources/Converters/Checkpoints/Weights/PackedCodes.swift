import QAMFormat

/// Unsigned integers without gaps from the lowest bit of the first 32-bit word on.
enum PackedCodes {
    /// The words that `count` codes take; nil if that overflows.
    static func wordCount(_ count: Int, bits: Int) -> Int? {
        let (total, overflow) = count.multipliedReportingOverflow(by: bits)
        return overflow || count < 0 || total > .max - 31 ? nil : (total + 31) / 32
    }

    /// Unpacks as many codes of at most eight bits as `codes` has room for; `words` holds them all.
    static func unpack(_ words: UnsafeBufferPointer<UInt32>, bits: Int, into codes: UnsafeMutableBufferPointer<UInt8>) {
        switch bits {
        case 2: unsafe unpack(words, bits: 2, perWord: 16, into: codes)
        case 4: unsafe unpack(words, bits: 4, perWord: 8, into: codes)
        case 8: unsafe unpack(words, bits: 8, perWord: 4, into: codes)
        default:
            let mask = UInt64(1) << UInt64(bits) - 1
            var window: UInt64 = 0, held = 0, next = 0
            for i in codes.indices {
                if held < bits {
                    window |= unsafe UInt64(words[next]) << UInt64(held)
                    held += 32
                    next += 1
                }
                unsafe codes[i] = UInt8(truncatingIfNeeded: window & mask)
                window >>= UInt64(bits)
                held -= bits
            }
        }
    }

    /// Codes that do not cross words.
    @inline(__always)
    private static func unpack(_ words: UnsafeBufferPointer<UInt32>, bits: UInt32, perWord: Int, into codes: UnsafeMutableBufferPointer<UInt8>) {
        let mask = UInt32(1) << bits - 1, count = codes.count, whole = count / perWord
        for place in 0..<whole {
            let word = unsafe words[place]
            for i in 0..<perWord { unsafe codes[place &* perWord &+ i] = UInt8(truncatingIfNeeded: word >> (UInt32(truncatingIfNeeded: i) &* bits) & mask) }
        }
        for i in whole * perWord..<count {
            unsafe codes[i] = UInt8(truncatingIfNeeded: words[whole] >> (UInt32(i - whole * perWord) * bits) & mask)
        }
    }
}

extension StoredTensor {
    /// Columns of a matrix of 32-bit words, one after the other.
    func wordColumns(_ columns: Range<Int>, of source: any TensorSource) throws -> [UInt32] {
        let panel = try panel(rows: 0..<rows, bytes: columns.lowerBound * 4..<columns.upperBound * 4, of: source)
        let height = rows, width = columns.count
        // Rows at a time, whose words are the same cache line of every column.
        let tile = 16
        return unsafe [UInt32](unsafeUninitializedCapacity: height * width) { words, count in
            count = height * width
            unsafe panel.withUnsafeBytes { panel in
                for start in stride(from: 0, to: height, by: tile) {
                    let end = min(start + tile, height)
                    for column in 0..<width {
                        for row in start..<end {
                            let word = unsafe panel.loadUnaligned(fromByteOffset: (row &* width &+ column) &* 4, as: UInt32.self)
                            unsafe words.initializeElement(at: column &* height &+ row, to: UInt32(littleEndian: word))
                        }
                    }
                }
            }
        }
    }

    /// Columns of a matrix of numbers, row after row.
    func floats(columns: Range<Int>, of source: any TensorSource) throws -> [Float] {
        let size = dtype.blockBytes
        return try ElementConversion.floats(panel(rows: 0..<rows, bytes: columns.lowerBound * size..<columns.upperBound * size, of: source), as: dtype)
    }
}
