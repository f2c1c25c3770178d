internal import CQAMKernels.Trellis

/// Safe wrappers of the C kernels that decode and multiply trellis tiles: the only code that passes pointers to them.
///
/// Sizes are computed by this module, never read from a file, so a wrong one is a bug and traps.
package struct TrellisKernels: Sendable {
    private let code: tr_code
    private let columns: Int
    private let table: tr_functions

    package init(_ parameters: TrellisParameters, columns: Int, _ kernels: Kernels) {
        code = tr_code(window: UInt32(parameters.window), rate: UInt32(parameters.code.rate))
        self.columns = columns
        table = unsafe tr_functions_for(kernels.features).pointee
    }

    /// The bytes of the tiles of a group of rows.
    private var groupBytes: Int { tr_tiles(columns) * tr_tile_bytes(code.rate) }

    /// The integer values of some of the rows of a group.
    package func decode(_ symbols: RawSpan, rows: Range<Int>, into y: inout MutableSpan<Float>, at start: Int) {
        precondition(symbols.byteCount == groupBytes && rows.lowerBound >= 0 && rows.upperBound <= Int(TR_ROWS))
        precondition(start >= 0 && start + rows.count * columns <= y.count)
        unsafe symbols.withUnsafeBytes { bytes in
            unsafe y.withUnsafeMutableBufferPointer { y in
                unsafe table.decode(
                    code, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), columns, rows.lowerBound, rows.upperBound,
                    y.baseAddress.map { unsafe $0 + start }, columns)
            }
        }
    }

    /// The integers of a vector's tiles, and the blocks that have a scale and an offset.
    private var valueCount: Int { tr_tiles(columns) * Int(TR_COLUMNS) }
    private var blockCount: Int { (columns + Int(TR_BLOCK) - 1) / Int(TR_BLOCK) }

    /// Appends a rotated vector.
    func prepare(_ x: [Float], into activations: inout Activations) {
        precondition(x.count == columns)
        var values = [Int16](repeating: 0, count: valueCount)
        var offsets = [Int32](repeating: 0, count: blockCount), scales = [Float](repeating: 0, count: blockCount)
        unsafe values.withUnsafeMutableBufferPointer { values in
            unsafe offsets.withUnsafeMutableBufferPointer { offsets in
                unsafe scales.withUnsafeMutableBufferPointer { scales in
                    unsafe table.prepare(
                        x, columns, tr_activation(values: values.baseAddress, offsets: offsets.baseAddress, scales: scales.baseAddress))
                }
            }
        }
        activations.words += values
        activations.offsets += offsets
        activations.scales += scales
    }

    /// The products of rows that begin with a group and prepared vectors: `out[t * rowsApart + i]`, for which `out` must have room.
    func multiply(
        _ activations: Activations, symbols: RawSpan, factors: Span<Float>, into out: UnsafeMutablePointer<Float>, rowsApart: Int
    ) {
        let groups = (factors.count + Int(TR_ROWS) - 1) / Int(TR_ROWS)
        precondition(symbols.byteCount == groups * groupBytes)
        precondition(activations.words.count == activations.count * valueCount && activations.offsets.count == activations.count * blockCount)
        precondition(activations.scales.count == activations.count * blockCount)
        unsafe activations.words.withUnsafeBufferPointer { values in
            unsafe activations.offsets.withUnsafeBufferPointer { offsets in
                unsafe activations.scales.withUnsafeBufferPointer { scales in
                    // The kernels only read them.
                    let v = unsafe UnsafeMutablePointer(mutating: values.baseAddress)
                    let o = unsafe UnsafeMutablePointer(mutating: offsets.baseAddress)
                    let s = unsafe UnsafeMutablePointer(mutating: scales.baseAddress)
                    let prepared = unsafe (0..<activations.count).map { t in
                        unsafe tr_activation(
                            values: v.map { unsafe $0 + t * valueCount }, offsets: o.map { unsafe $0 + t * blockCount },
                            scales: s.map { unsafe $0 + t * blockCount })
                    }
                    unsafe symbols.withUnsafeBytes { bytes in
                        unsafe factors.withUnsafeBufferPointer { factors in
                            unsafe table.multiply(
                                code, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), columns, factors.baseAddress, factors.count, prepared,
                                prepared.count, out, rowsApart)
                        }
                    }
                }
            }
        }
    }
}
