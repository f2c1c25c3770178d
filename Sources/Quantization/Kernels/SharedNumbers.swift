internal import QAMFormat

/// Numbers that threads change concurrently, each its own part; callers must ensure that parts do not overlap.
@safe final class SharedNumbers<Number: BitwiseCopyable>: @unchecked Sendable {
    /// For the kernels, whose callers check bounds.
    let start: UnsafeMutablePointer<Number>
    let count: Int

    init(repeating number: Number, count: Int) {
        self.count = count
        unsafe start = .allocate(capacity: max(1, count))
        unsafe start.initialize(repeating: number, count: count)
    }

    deinit { unsafe start.deallocate() }

    subscript(_ index: Int) -> Number {
        get {
            precondition(index >= 0 && index < count)
            return unsafe start[index]
        }
        set {
            precondition(index >= 0 && index < count)
            unsafe start[index] = newValue
        }
    }

    /// Copies numbers into the elements from `index` on.
    func replace(from index: Int, with numbers: Span<Number>) {
        precondition(index >= 0 && numbers.count <= count - index)
        for i in numbers.indices { unsafe start[index + i] = numbers[i] }
    }

    func array(_ range: Range<Int>) -> [Number] {
        precondition(range.lowerBound >= 0 && range.upperBound <= count)
        return unsafe Array(UnsafeBufferPointer(start: start + range.lowerBound, count: range.count))
    }
}
