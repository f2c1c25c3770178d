import QAMFormat

/// How quantized values are stored: whole bytes or parts of them decode by a table, integers of other widths by their bits.
struct NumberFormat: Hashable, Sendable {
    /// The bits of a value.
    let bits: Int
    /// Rows take whole units of so many bytes.
    let unitBytes: Int
    /// The values of each byte, one after the other; empty for widths that do not divide a byte.
    private let table: [Float]
    /// Subtracted from integers.
    private let offset: Int

    /// Values of a type whose elements lie within bytes: F8, I8, U8, F4.
    static func elements(_ dtype: DType) throws -> NumberFormat {
        let table = try ElementConversion.floats(Array(0...255), as: dtype)
        return NumberFormat(bits: 8 / dtype.blockElements, unitBytes: 1, table: table, offset: 0)
    }

    /// Unsigned integers of 1 to 8 bits without gaps, from the lowest bit of 32-bit words on, `offset` above the value.
    static func integers(bits: Int, offset: Int) -> NumberFormat {
        let mask = 1 << bits - 1
        let table = 8 % bits == 0 ? (0..<256).flatMap { byte in (0..<8 / bits).map { Float((byte >> ($0 * bits)) & mask - offset) } } : []
        return NumberFormat(bits: bits, unitBytes: 4, table: table, offset: offset)
    }

    /// The bytes of a row; nil if that overflows, or if a value would be cut.
    func rowBytes(columns: Int) -> Int? {
        let (total, overflow) = columns.multipliedReportingOverflow(by: bits)
        guard columns >= 0, !overflow, total <= .max - 32, unitBytes > 1 || total % 8 == 0 else { return nil }
        return (total + 8 * unitBytes - 1) / (8 * unitBytes) * unitBytes
    }

    /// The values of some rows of `columns` values, which take `rowBytes` each in `tensor`.
    func decode(_ rows: Range<Int>, of tensor: StoredTensor, rowBytes: Int, columns: Int, from source: any TensorSource) throws -> [Float] {
        try tensor.withBytes(rows.lowerBound * rowBytes..<rows.upperBound * rowBytes, of: source) { decode($0, rows: rows.count, columns: columns) }
    }

    /// The values of rows. `bytes` holds whole rows.
    private func decode(_ bytes: RawSpan, rows: Int, columns: Int) -> [Float] {
        let rowBytes = rows > 0 ? bytes.byteCount / rows : 0
        return unsafe [Float](unsafeUninitializedCapacity: rows * columns) { values, count in
            count = rows * columns
            for row in 0..<rows {
                let out = unsafe UnsafeMutableBufferPointer(rebasing: values[row * columns..<(row + 1) * columns])
                unsafe bytes.withUnsafeBytes { buffer in
                    let stored = unsafe UnsafeRawBufferPointer(rebasing: buffer[row * rowBytes..<(row + 1) * rowBytes])
                    unsafe decode(stored, into: out)
                }
            }
        }
    }

    private func decode(_ stored: UnsafeRawBufferPointer, into out: UnsafeMutableBufferPointer<Float>) {
        let columns = out.count
        unsafe table.withUnsafeBufferPointer { table in
            switch table.count {
            case 256:
                for i in 0..<columns { unsafe out.initializeElement(at: i, to: table[Int(stored[i])]) }
            case 512:
                for i in 0..<columns / 2 {
                    let byte = unsafe Int(stored[i])
                    unsafe out.initializeElement(at: 2 &* i, to: table[2 &* byte])
                    unsafe out.initializeElement(at: 2 &* i &+ 1, to: table[2 &* byte &+ 1])
                }
                if columns % 2 == 1 { unsafe out.initializeElement(at: columns - 1, to: table[2 * Int(stored[columns / 2])]) }
            default:
                let mask = 1 << bits - 1
                for i in 0..<columns {
                    let bit = i &* bits, byte = bit / 8
                    // A value of at most eight bits lies in at most two bytes.
                    let next = byte + 1 < stored.count ? unsafe Int(stored[byte + 1]) : 0
                    let word = unsafe Int(stored[byte]) | next << 8
                    unsafe out.initializeElement(at: i, to: Float((word >> (bit % 8)) & mask - offset))
                }
            }
        }
    }
}
