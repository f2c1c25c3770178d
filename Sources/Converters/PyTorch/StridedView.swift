internal import QAMFormat

/// The elements of a tensor that lie in its storage at strides, such as a transposed matrix.
///
/// Reading a range of the tensor reads pieces of the storage of at most 1 MiB that hold a good share of what is wanted, so that memory is
/// bounded by the range, whatever the strides are.
struct StridedView: Hashable, Sendable {
    /// The offset of the first element in the file.
    let start: Int
    /// The bytes of an element.
    let elementBytes: Int
    /// Row-major; dimensions of one element are left out.
    private let dimensions: [Dimension]
    /// The elements of one index of each dimension.
    private let blocks: [Int]

    private struct Dimension: Hashable, Sendable {
        var count: Int
        /// In elements of the storage.
        var stride: Int
        /// In elements of the tensor.
        var target: Int = 0
    }

    /// The largest piece of the storage that is read at once, and the one below which it does not matter how much of it is wanted.
    private static let largestPiece = 1 << 20
    private static let smallestPiece = 1 << 12

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
                // Longest strides first: what lies together in the storage is read together.
                try copy(box.sorted { $0.stride > $1.stride }, from: source + index * stride, to: place, file, &output)
                element += whole * block
            } else {
                let end = min(elements.upperBound, (index + 1) * block)
                try read(element - index * block..<end - index * block, of: level + 1, from: source + index * stride, to: place, file, &output)
                element = end
            }
        }
    }

    /// Copies a box. Halves it along its longest stride until one piece of the storage serves it.
    private func copy(_ box: [Dimension], from source: Int, to target: Int, _ file: any ByteSource, _ output: inout [UInt8]) throws {
        let span = (box.reduce(1) { $0 + ($1.count - 1) * $1.stride }) * elementBytes
        let wanted = box.reduce(elementBytes) { $0 * $1.count }
        if span <= Self.largestPiece && wanted >= span / 16 || span <= Self.smallestPiece {
            let begin = start + source * elementBytes
            return try file.withBytes(begin..<begin + span) { bytes in
                unsafe bytes.withUnsafeBytes { bytes in
                    unsafe output.withUnsafeMutableBytes { output in
                        unsafe scatter(box[...], bytes, UnsafeMutableRawBufferPointer(rebasing: output[(target * elementBytes)...]))
                    }
                }
            }
        }
        guard let first = box.first, first.count > 1 else { return try copy(Array(box.dropFirst()), from: source, to: target, file, &output) }
        let half = first.count / 2
        var left = box, right = box
        left[0].count = half
        right[0].count -= half
        try copy(left, from: source, to: target, file, &output)
        try copy(right, from: source + half * first.stride, to: target + half * first.target, file, &output)
    }

    private func scatter(_ box: ArraySlice<Dimension>, _ source: UnsafeRawBufferPointer, _ target: UnsafeMutableRawBufferPointer) {
        switch elementBytes {
        case 1: unsafe scatter(box, source, target, UInt8.self)
        case 2: unsafe scatter(box, source, target, UInt16.self)
        case 4: unsafe scatter(box, source, target, UInt32.self)
        default: unsafe scatter(box, source, target, UInt64.self)
        }
    }

    private func scatter<Element: FixedWidthInteger & BitwiseCopyable>(
        _ box: ArraySlice<Dimension>, _ source: UnsafeRawBufferPointer, _ target: UnsafeMutableRawBufferPointer, _ type: Element.Type
    ) {
        let size = MemoryLayout<Element>.size
        guard let first = box.first else {
            return unsafe target.storeBytes(of: source.loadUnaligned(fromByteOffset: 0, as: type), toByteOffset: 0, as: type)
        }
        let inner = box.dropFirst()
        for index in 0..<first.count {
            let from = index &* first.stride &* size, to = index &* first.target &* size
            if inner.isEmpty {
                unsafe target.storeBytes(of: source.loadUnaligned(fromByteOffset: from, as: type), toByteOffset: to, as: type)
            } else {
                unsafe scatter(inner, UnsafeRawBufferPointer(rebasing: source[from...]), UnsafeMutableRawBufferPointer(rebasing: target[to...]), type)
            }
        }
    }
}
