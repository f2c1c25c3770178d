internal import QAMFormat

/// scale * B A, computed for some rows at a time in float32.
struct LowRankUpdate: Sendable {
    let source: any TensorSource
    let module: LoRAAdapter.Module
    /// Whether the rows of the weight are the columns of A: the weight is stored as (in, out).
    let isTransposed: Bool

    private var rank: Int { module.scale.rank }
    private var a: TensorDescriptor { source.tensors[module.a] }
    private var b: TensorDescriptor { source.tensors[module.b] }

    /// The shape of the weight.
    var shape: [Int] { isTransposed ? [a.shape[1], b.shape[0]] : [b.shape[0], a.shape[1]] }

    /// Adds the rows of the product to `values`, which are these rows of the weight. Memory: the matrix that all rows share.
    func add(_ rows: Range<Int>, to values: inout [Float]) throws {
        let columns = shape[1]
        let left = try isTransposed ? columnsOfA(rows) : floats(rows.lowerBound * rank..<rows.upperBound * rank, of: module.b)
        let right = try isTransposed ? transposedB() : floats(0..<a.elementCount, of: module.a)
        let scale = Float(module.scale.factor)
        var sums = [Float](repeating: 0, count: columns)
        for row in 0..<rows.count {
            for column in 0..<columns { sums[column] = 0 }
            unsafe sums.withUnsafeMutableBufferPointer { sums in
                unsafe left.withUnsafeBufferPointer { left in
                    unsafe right.withUnsafeBufferPointer { right in
                        // Four products at a time: a sum is read and written once for them.
                        var k = 0
                        while k &+ 4 <= rank {
                            let place = row &* rank &+ k
                            let (l0, l1, l2, l3) = unsafe (left[place], left[place &+ 1], left[place &+ 2], left[place &+ 3])
                            let start = k &* columns
                            for column in 0..<columns {
                                let at = start &+ column
                                unsafe sums[column] +=
                                    (l0 * right[at] + l1 * right[at &+ columns])
                                    + (l2 * right[at &+ 2 &* columns] + l3 * right[at &+ 3 &* columns])
                            }
                            k &+= 4
                        }
                        while k < rank {
                            let factor = unsafe left[row &* rank &+ k], start = k &* columns
                            for column in 0..<columns { unsafe sums[column] += factor * right[start &+ column] }
                            k &+= 1
                        }
                    }
                }
            }
            unsafe values.withUnsafeMutableBufferPointer { values in
                unsafe sums.withUnsafeBufferPointer { sums in
                    let start = row &* columns
                    for column in 0..<columns { unsafe values[start &+ column] += scale * sums[column] }
                }
            }
        }
    }

    /// Columns of A as rows: element (i, k) is A[k, i].
    func columnsOfA(_ columns: Range<Int>) throws -> [Float] {
        var result = [Float](repeating: 0, count: columns.count * rank)
        let width = a.shape[1]
        for k in 0..<rank {
            let row = try floats(k * width + columns.lowerBound..<k * width + columns.upperBound, of: module.a)
            for column in 0..<columns.count { result[column * rank + k] = row[column] }
        }
        return result
    }

    /// Element (k, j) is B[j, k].
    private func transposedB() throws -> [Float] {
        let values = try floats(0..<b.elementCount, of: module.b), height = b.shape[0]
        var result = [Float](repeating: 0, count: values.count)
        for j in 0..<height {
            for k in 0..<rank { result[k * height + j] = values[j * rank + k] }
        }
        return result
    }

    private func floats(_ elements: Range<Int>, of tensor: Int) throws -> [Float] { try source.floats(elements, of: tensor) }
}

extension TensorSource {
    /// Elements of a raw tensor with one element per block.
    func floats(_ elements: Range<Int>, of tensor: Int) throws -> [Float] {
        guard case .raw(let dtype) = tensors[tensor].storage, dtype.blockElements == 1 else {
            throw QAMError(.invalidArgument, "it is not a plain tensor", at: .init(tensor: tensors[tensor].name))
        }
        guard !elements.isEmpty else { return [] }
        let wanted = elements.lowerBound * dtype.blockBytes..<elements.upperBound * dtype.blockBytes
        // The source's granule may require a larger read.
        let granule = max(1, granule(of: tensor))
        let start = wanted.lowerBound / granule * granule
        let end = min((wanted.upperBound + granule - 1) / granule * granule, tensors[tensor].byteCount)
        let bytes = try read(start..<end, of: tensor).streams.first ?? []
        guard bytes.count == end - start else {
            throw QAMError(.truncated, "\(end - start) bytes are not there", at: .init(tensor: tensors[tensor].name))
        }
        if bytes.count == wanted.count { return try ElementConversion.floats(bytes, as: dtype) }
        return try ElementConversion.floats(Array(bytes[wanted.lowerBound - start..<wanted.upperBound - start]), as: dtype)
    }
}
