internal import CQAMKernels.Integers

/// Safe wrappers of the C kernels for integer rows: the only code that passes pointers to them.
///
/// Sizes are computed by this module, never read from a file, so a wrong one is a bug and traps.
package struct IntegerKernels: Sendable {
    private let table: ik_functions

    /// The kernels for the same features as `kernels`.
    package init(_ kernels: Kernels) { table = unsafe ik_functions_for(kernels.features).pointee }

    package static let chosen = IntegerKernels(.chosen)

    /// The largest magnitude; infinite or NaN if an element is.
    package func largest(_ x: Span<Float>) -> Float {
        unsafe x.withUnsafeBufferPointer { unsafe table.largest($0.baseAddress, $0.count) }
    }

    /// Rounds `z` to the nearest integers, as bytes.
    package func encode(_ z: [Float], into symbols: inout [UInt8], at place: Range<Int>) {
        precondition(place.count == z.count)
        unsafe Kernels.withPart(&symbols, place) { bytes in
            unsafe table.encode(z, z.count, 1, UnsafeMutableRawPointer(bytes)?.assumingMemoryBound(to: Int8.self))
        }
    }

    /// Converts bytes to their integers.
    package func decode(_ symbols: Span<UInt8>, into y: inout [Float]) {
        precondition(symbols.count == y.count)
        var y = y.mutableSpan
        unsafe decode(symbols.bytes, columns: y.count, gains: [1], channelScales: nil, into: &y, at: 0)
    }

    func decode(
        _ symbols: RawSpan, columns: Int, gains: [Float], channelScales: [Float]?, into weights: inout MutableSpan<Float>, at start: Int
    ) {
        precondition(symbols.byteCount == gains.count * columns && channelScales.map { $0.count == columns } ?? true)
        precondition(start >= 0 && start + gains.count * columns <= weights.count)
        unsafe Kernels.withOptional(channelScales) { scales in
            unsafe symbols.withUnsafeBytes { bytes in
                unsafe weights.withUnsafeMutableBufferPointer { weights in
                    unsafe table.decode(
                        bytes.baseAddress?.assumingMemoryBound(to: Int8.self), columns, gains, gains.count, scales,
                        weights.baseAddress.map { unsafe $0 + start })
                }
            }
        }
    }

    /// Prepares consecutive vectors of `columns`.
    func prepare(_ vectors: [Float], columns: Int, channelScales: [Float]?) -> (values: [Int8], scales: [Float]) {
        precondition(vectors.count % columns == 0 && channelScales.map { $0.count == columns } ?? true)
        let count = vectors.count / columns
        var vectors = vectors, values = [Int8](repeating: 0, count: vectors.count), scales = [Float](repeating: 0, count: count)
        unsafe Kernels.withOptional(channelScales) { channelScales in
            unsafe vectors.withUnsafeMutableBufferPointer { vectors in
                unsafe values.withUnsafeMutableBufferPointer { values in
                    guard let x = vectors.baseAddress, let v = values.baseAddress else { return }
                    for t in 0..<count { scales[t] = unsafe table.prepare(x + t * columns, channelScales, columns, v + t * columns) }
                }
            }
        }
        return (values, scales)
    }

    /// The products of rows and prepared vectors: `out[t * rowsApart + i]`, for which `out` must have room.
    func multiply(
        _ activations: Activations, symbols: RawSpan, gains: Span<Float>, into out: UnsafeMutablePointer<Float>, rowsApart: Int
    ) {
        let columns = activations.columns
        precondition(symbols.byteCount == gains.count * columns)
        precondition(activations.values.count == activations.count * columns && activations.scales.count == activations.count)
        unsafe symbols.withUnsafeBytes { bytes in
            unsafe gains.withUnsafeBufferPointer { gains in
                unsafe table.multiply(
                    bytes.baseAddress?.assumingMemoryBound(to: Int8.self), columns, gains.baseAddress, gains.count, activations.values,
                    activations.scales, activations.count, out, rowsApart)
            }
        }
    }
}
