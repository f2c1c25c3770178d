internal import QAMFormat

/// The elements of a tensor that lie in its storage at strides, such as a transposed matrix.
///
/// Memory is bounded by the range that is read, whatever the strides are (`StridedBox`).
struct StridedView: Hashable, Sendable {
    /// The offset of the first element in the file.
    let start: Int
    /// The bytes of an element.
    let elementBytes: Int
    /// Row-major; dimensions of one element are left out.
    private let dimensions: [Dimension]
    /// The elements of one index of each dimension.
    private let blocks: [Int]

    private typealias Dimension = StridedBox.Dimension

    /// The caller has checked that all elements lie within the file, and that none of the counts is zero.
    init(start: Int, elementBytes: Int, shape: [Int], strides: [Int]) {
        self.start = start
        self.elementBytes = elementBytes
        dimensions = zip(shape, strides).filter { $0.0 != 1 }.map { Dimension(count: $0, stride: $1) }
        var blocks: [Int] = []
        var block = 1
        for dimension in dimensions.reversed() {
            blocks.append(block)
            block *= dimension.count
        }
        self.blocks = blocks.reversed()
    }

    /// Whether the elements lie one after the other in the order of the tensor.
    var isContiguous: Bool { zip(dimensions, blocks).allSatisfy { $0.stride == $1 } }

    /// The bytes of `range`, which is whole elements of the tensor.
    func read(_ range: Range<Int>, from file: any ByteSource) throws -> [UInt8] {
        var output = [UInt8](repeating: 0, count: range.count)
        let elements = range.lowerBound / elementBytes..<range.upperBound / elementBytes
        guard !elements.isEmpty else { return output }
        try read(elements, of: 0, from: 0, to: 0, file, &output)
        return output
    }

    /// Reads elements, counted from the index 0 of dimension `level`, that lie from `source` on, to `target`. Cuts them into boxes.
    private func read(_ elements: Range<Int>, of level: Int, from source: Int, to target: Int, _ file: any ByteSource, _ output: inout [UInt8]) throws {
        guard level < dimensions.count else { return try copy([], from: source, to: target, file, &output) }
        let block = blocks[level], stride = dimensions[level].stride
        var element = elements.lowerBound
        while element < elements.upperBound {
            let index = element / block, place = target + element - elements.lowerBound
            let whole = element == index * block ? elements.upperBound / block - index : 0
            if whole > 0 {
                var box = [Dimension(count: whole, stride: stride, target: block)]
                for inner in dimensions.indices.dropFirst(level + 1) {
                    box.append(Dimension(count: dimensions[inner].count, stride: dimensions[inner].stride, target: blocks[inner]))
                }
                try copy(box, from: source + index * stride, to: place, file, &output)
                element += whole * block
            } else {
                let end = min(elements.upperBound, (index + 1) * block)
                try read(element - index * block..<end - index * block, of: level + 1, from: source + index * stride, to: place, file, &output)
                element = end
            }
        }
    }
    private func copy(_ dimensions: [Dimension], from source: Int, to target: Int, _ file: any ByteSource, _ output: inout [UInt8]) throws {
        try StridedBox(dimensions, elementBytes: elementBytes).copy(from: source, to: target, &output) { bytes, body in
            try file.withBytes(start + bytes.lowerBound..<start + bytes.upperBound, body)
        }
    }
}
