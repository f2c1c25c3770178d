#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// Contiguous float vectors in memory of their own: activations, and the keys and values of attention.
///
/// Threads may concurrently write different vectors and read vectors that none writes; callers must ensure that.
/// Elements are processed by `FloatKernels`, which checks bounds.
@safe package final class FloatMatrix: @unchecked Sendable {
    /// The number of vectors.
    package let count: Int
    /// The length of a vector.
    package let width: Int
    private let floats: UnsafeMutableBufferPointer<Float>

    /// All zeros. Memory is committed only when written. Untrusted sizes are checked before (`MemoryBound`).
    package init(count: Int, width: Int) {
        precondition(count >= 0 && width >= 0)
        self.count = count
        self.width = width
        let memory = unsafe calloc(max(1, count * width), MemoryLayout<Float>.stride)
        unsafe precondition(memory != nil, "no memory for \(count) vectors of \(width)")
        unsafe floats = UnsafeMutableBufferPointer(start: memory?.bindMemory(to: Float.self, capacity: count * width), count: count * width)
    }

    /// A copy of some vectors.
    package convenience init(copying other: FloatMatrix, _ range: Range<Int>) {
        self.init(count: range.count, width: other.width)
        copy(other, range, at: 0)
    }

    /// Copies vectors of another matrix of the same width to those from `start`.
    package func copy(_ other: FloatMatrix, _ range: Range<Int>, at start: Int) {
        precondition(other.width == width && range.lowerBound >= 0 && range.upperBound <= other.count)
        precondition(start >= 0 && range.count <= count - start && other !== self)
        guard let source = unsafe other.floats.baseAddress, let target = unsafe floats.baseAddress else { return }
        unsafe (target + start * width).update(from: source + range.lowerBound * width, count: range.count * width)
    }

    /// Copies of some vectors, in this order.
    convenience init(_ other: FloatMatrix, at places: [Int]) {
        self.init(count: places.count, width: other.width)
        for (t, place) in places.enumerated() { copy(other, place..<place + 1, at: t) }
    }

    /// A copy of some columns.
    convenience init(_ other: FloatMatrix, columns: Range<Int>) {
        self.init(count: other.count, width: columns.count)
        copyColumns(other, columns, to: 0)
    }

    /// A copy of every n-th column from `start`.
    convenience init(_ other: FloatMatrix, every step: Int, from start: Int) {
        self.init(count: other.count, width: other.width / step)
        for t in 0..<count {
            for index in 0..<width { self[t, index] = other[t, index * step + start] }
        }
    }

    /// Copies the columns of another matrix to every n-th column from `start`.
    func spread(_ other: FloatMatrix, every step: Int, from start: Int) {
        for t in 0..<count {
            for index in 0..<other.width { self[t, index * step + start] = other[t, index] }
        }
    }

    /// Copies columns of all vectors of another matrix to those from `start`.
    func copyColumns(_ other: FloatMatrix, _ columns: Range<Int>, to start: Int) {
        precondition(columns.lowerBound >= 0 && columns.upperBound <= other.width && other.count == count)
        precondition(start >= 0 && columns.count <= width - start && other !== self)
        guard let source = unsafe other.floats.baseAddress, let target = unsafe floats.baseAddress else { return }
        for t in 0..<count {
            unsafe (target + t * width + start).update(from: source + t * other.width + columns.lowerBound, count: columns.count)
        }
    }

    /// Copies columns of another matrix's vectors, transposed: `self[first + j, offset + i]` becomes element j of the i-th vector.
    package func copyAcross(_ other: FloatMatrix, _ range: Range<Int>, columns: Range<Int>, at first: Int = 0, offset: Int = 0) {
        precondition(columns.lowerBound >= 0 && columns.upperBound <= other.width && offset >= 0 && range.count <= width - offset)
        let width = width
        other.withVectors(range) { source in
            withMutableVectors(first..<first + columns.count) { target in
                for i in 0..<range.count {
                    let start = i * other.width + columns.lowerBound
                    for j in 0..<columns.count { target[j * width + offset + i] = source[start + j] }
                }
            }
        }
    }

    deinit { unsafe free(floats.baseAddress) }

    /// A pointer to one element, with at least `length` elements up to the end of the last vector.
    func pointer(_ vector: Int, _ offset: Int = 0, length: Int) -> UnsafeMutablePointer<Float>? {
        let start = vector * width + offset
        precondition(vector >= 0 && offset >= 0 && length >= 0 && start + length <= count * width)
        return unsafe floats.baseAddress.map { unsafe $0 + start }
    }

    package subscript(vector: Int, index: Int) -> Float {
        get {
            precondition((0..<count).contains(vector) && (0..<width).contains(index))
            return unsafe floats[vector * width + index]
        }
        set {
            precondition((0..<count).contains(vector) && (0..<width).contains(index))
            unsafe floats[vector * width + index] = newValue
        }
    }

    /// Lends vectors.
    package func withVectors<Result>(_ range: Range<Int>, _ body: (Span<Float>) throws -> Result) rethrows -> Result {
        precondition(range.lowerBound >= 0 && range.upperBound <= count)
        return try unsafe body(Span(_unsafeElements: UnsafeBufferPointer(rebasing: floats[range.lowerBound * width..<range.upperBound * width])))
    }

    /// Lends vectors for writing.
    package func withMutableVectors<Result>(
        _ range: Range<Int>, _ body: (inout MutableSpan<Float>) throws -> Result
    ) rethrows -> Result {
        precondition(range.lowerBound >= 0 && range.upperBound <= count)
        var span = unsafe MutableSpan(
            _unsafeElements: UnsafeMutableBufferPointer(rebasing: floats[range.lowerBound * width..<range.upperBound * width]))
        return try body(&span)
    }

    /// Copies of contiguous vectors.
    package func array(_ range: Range<Int>) -> [Float] {
        precondition(range.lowerBound >= 0 && range.upperBound <= count)
        return unsafe Array(floats[range.lowerBound * width..<range.upperBound * width])
    }
}
