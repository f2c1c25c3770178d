package import Architectures
package import QAMFormat

/// Reorders the rows of each head in some raw tensors. Rows are counted by a tensor's first dimension, so biases are permuted too. Rows of
/// any type are moved unchanged, provided they are whole blocks.
///
/// Reading rows takes about the same memory again, and in direction `toHalves` reads up to twice as many bytes from the base.
package struct RowPermutingSource: WrappingSource {
    package let base: any TensorSource
    private let layouts: [Int: Layout]

    private struct Layout: Sendable {
        var permutation: HeadPermutation
        var rowBytes: Int
        var headRows: Int
    }

    /// `permutations` by tensor index. Throws `malformed` with the tensor's name if rows are not whole blocks, or do not divide into that
    /// many heads with an even number of rows.
    package init(_ base: any TensorSource, permutations: [Int: HeadPermutation]) throws {
        var layouts: [Int: Layout] = [:]
        for (index, permutation) in permutations {
            let tensor = base.tensors[index]
            func fault(_ message: String) -> QAMError { QAMError(.malformed, message, at: .init(tensor: tensor.name)) }
            guard case .raw(let dtype) = tensor.storage else {
                throw fault("it is quantized, and its rows cannot be put into another order; convert the model to safetensors first, which decodes it")
            }
            guard let rows = tensor.shape.first, let headRows = permutation.headRows(of: rows) else {
                throw fault("\(tensor.shape.first ?? 0) rows are not \(permutation.heads) heads of an even number of rows")
            }
            guard rows > 0, tensor.elementCount > 0 else { continue }
            guard tensor.elementCount / rows % dtype.blockElements == 0, let bytes = dtype.byteCount(elements: tensor.elementCount / rows) else {
                throw fault("rows of \(tensor.elementCount / rows) elements are not whole \(dtype.name) blocks")
            }
            layouts[index] = Layout(permutation: permutation, rowBytes: bytes, headRows: headRows)
        }
        self.base = base
        self.layouts = layouts
    }

    package var fingerprint: String {
        let parts = layouts.sorted { $0.key < $1.key }.map { "\($0.key):\($0.value.permutation.heads) \($0.value.permutation.direction)" }
        return "\(base.fingerprint) permute \(parts.joined(separator: ","))"
    }

    package func origin(of tensor: Int) -> Int? { layouts[tensor] == nil ? tensor : nil }

    /// Whole pairs in direction `toInterleaved`, so that no pair is read twice.
    package func granule(of tensor: Int) -> Int {
        guard let layout = layouts[tensor] else { return base.granule(of: tensor) }
        return layout.permutation.direction == .toInterleaved ? 2 * layout.rowBytes : layout.rowBytes
    }

    package func read(_ units: Range<Int>, of tensor: Int) throws -> TensorChunk {
        guard let layout = layouts[tensor] else { return try base.read(units, of: tensor) }
        var chunk = TensorChunk(streams: [[]])
        chunk.streams[0].reserveCapacity(units.count)
        let rows = units.lowerBound / layout.rowBytes..<units.upperBound / layout.rowBytes
        var row = rows.lowerBound
        while row < rows.upperBound {
            let head = row / layout.headRows * layout.headRows
            let local = row - head..<min(rows.upperBound - head, layout.headRows)
            try append(local, of: head, layout, tensor, to: &chunk)
            row = head + local.upperBound
        }
        return chunk
    }

    /// Appends output rows of the head that starts at row `head`; they come from at most two ranges of the base's rows.
    private func append(_ local: Range<Int>, of head: Int, _ layout: Layout, _ tensor: Int, to chunk: inout TensorChunk) throws {
        let half = layout.headRows / 2, size = layout.rowBytes
        switch layout.permutation.direction {
        case .toInterleaved:
            let pairs = local.lowerBound / 2..<(local.upperBound + 1) / 2
            let first = try baseRows(head + pairs.lowerBound..<head + pairs.upperBound, layout, tensor)
            let second = try baseRows(head + half + pairs.lowerBound..<head + half + pairs.upperBound, layout, tensor)
            for row in local {
                let start = (row / 2 - pairs.lowerBound) * size
                chunk.streams[0] += (row % 2 == 0 ? first : second).bytes[start..<start + size]
            }
            chunk.overflows += first.overflows + second.overflows
        case .toHalves:
            for part in 0..<2 {
                let range = local.clamped(to: part * half..<(part + 1) * half)
                guard !range.isEmpty else { continue }
                let start = range.lowerBound - part * half
                let pairs = try baseRows(head + 2 * start..<head + 2 * (start + range.count), layout, tensor)
                for pair in 0..<range.count { chunk.streams[0] += pairs.bytes[(2 * pair + part) * size..<(2 * pair + part + 1) * size] }
                // Each pair is read once for either half; count its overflows with the first.
                if part == 0 { chunk.overflows += pairs.overflows }
            }
        }
    }

    /// Rows of the base, whose granule may require a larger read.
    private func baseRows(_ rows: Range<Int>, _ layout: Layout, _ tensor: Int) throws -> (bytes: ArraySlice<UInt8>, overflows: Int) {
        let wanted = rows.lowerBound * layout.rowBytes..<rows.upperBound * layout.rowBytes
        let granule = max(1, base.granule(of: tensor))
        let start = wanted.lowerBound / granule * granule
        let end = min((wanted.upperBound + granule - 1) / granule * granule, tensors[tensor].byteCount)
        let chunk = try base.read(start..<end, of: tensor)
        guard let bytes = chunk.streams.first, bytes.count == end - start else {
            throw QAMError(.truncated, "\(end - start) bytes are not there", at: .init(tensor: tensors[tensor].name))
        }
        return (ArraySlice(bytes[(wanted.lowerBound - start)..<(wanted.upperBound - start)]).rebased, chunk.overflows)
    }
}

extension ArraySlice {
    /// The same elements with indices from 0.
    fileprivate var rebased: ArraySlice { startIndex == 0 ? self : ArraySlice(Array(self)) }
}
