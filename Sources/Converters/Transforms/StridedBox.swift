/// Copies elements that lie at strides in a storage to strides in memory.
///
/// Reads pieces of the storage of at most 1 MiB that hold a good share of what is wanted, so that memory is bounded whatever the strides are.
struct StridedBox {
    struct Dimension: Hashable, Sendable {
        var count: Int
        /// In elements of the storage.
        var stride: Int
        /// In elements of the result.
        var target: Int = 0
    }

    private let dimensions: [Dimension]
    private let elementBytes: Int

    /// The largest piece of the storage that is read at once, and the one below which it does not matter how much of it is wanted.
    private static let largestPiece = 1 << 20
    private static let smallestPiece = 1 << 12

    init(_ dimensions: [Dimension], elementBytes: Int) {
        // Longest strides first: what lies together in the storage is read together.
        self.dimensions = dimensions.sorted { $0.stride > $1.stride }
        self.elementBytes = elementBytes
    }

    /// `source` and `target` are elements; `lend` passes a range of the storage's bytes.
    func copy(from source: Int, to target: Int, _ output: inout [UInt8], lend: (Range<Int>, (RawSpan) throws -> Void) throws -> Void) throws {
        try copy(dimensions[...], from: source, to: target, &output, lend: lend)
    }

    /// Halves the box along its longest stride until one piece of the storage serves it.
    private func copy(
        _ box: ArraySlice<Dimension>, from source: Int, to target: Int, _ output: inout [UInt8], lend: (Range<Int>, (RawSpan) throws -> Void) throws -> Void
    ) throws {
        let span = (box.reduce(1) { $0 + ($1.count - 1) * $1.stride }) * elementBytes
        let wanted = box.reduce(elementBytes) { $0 * $1.count }
        if box.isEmpty || span <= Self.largestPiece && wanted >= span / 16 || span <= Self.smallestPiece {
            let begin = source * elementBytes
            return try lend(begin..<begin + span) { bytes in
                unsafe bytes.withUnsafeBytes { bytes in
                    unsafe output.withUnsafeMutableBytes { output in
                        unsafe scatter(box, bytes, UnsafeMutableRawBufferPointer(rebasing: output[(target * elementBytes)...]))
                    }
                }
            }
        }
        guard let first = box.first, first.count > 1 else { return try copy(box.dropFirst(), from: source, to: target, &output, lend: lend) }
        let half = first.count / 2
        var left = box, right = box
        left[left.startIndex].count = half
        right[right.startIndex].count -= half
        try copy(left, from: source, to: target, &output, lend: lend)
        try copy(right, from: source + half * first.stride, to: target + half * first.target, &output, lend: lend)
    }

    private func scatter(_ box: ArraySlice<Dimension>, _ source: UnsafeRawBufferPointer, _ target: UnsafeMutableRawBufferPointer) {
        switch elementBytes {
        case 1: unsafe scatter(box, source, target, UInt8.self)
        case 2: unsafe scatter(box, source, target, UInt16.self)
        case 4: unsafe scatter(box, source, target, UInt32.self)
        case 8: unsafe scatter(box, source, target, UInt64.self)
        default: unsafe scatterRuns(box, source, target)
        }
    }

    private func scatter<Element: FixedWidthInteger & BitwiseCopyable>(
        _ box: ArraySlice<Dimension>, _ source: UnsafeRawBufferPointer, _ target: UnsafeMutableRawBufferPointer, _ type: Element.Type
    ) {
        let size = MemoryLayout<Element>.size
        guard let first = box.first, !isRun(box) else { return unsafe scatterRuns(box, source, target) }
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

    /// Whether the elements are together in both places.
    private func isRun(_ box: ArraySlice<Dimension>) -> Bool { box.count == 1 && box.first.map { $0.stride == 1 && $0.target == 1 } == true }

    /// Copies whole runs: those of the last dimension, or elements of any size.
    private func scatterRuns(_ box: ArraySlice<Dimension>, _ source: UnsafeRawBufferPointer, _ target: UnsafeMutableRawBufferPointer) {
        guard let first = box.first, !isRun(box) else {
            let count = (box.first?.count ?? 1) * elementBytes
            return unsafe target.copyMemory(from: UnsafeRawBufferPointer(rebasing: source[..<count]))
        }
        for index in 0..<first.count {
            let from = index &* first.stride &* elementBytes, to = index &* first.target &* elementBytes
            unsafe scatterRuns(
                box.dropFirst(), UnsafeRawBufferPointer(rebasing: source[from...]), UnsafeMutableRawBufferPointer(rebasing: target[to...]))
        }
    }
}
