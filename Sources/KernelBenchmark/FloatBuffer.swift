/// Memory for results, in which several threads write disjoint parts.
@safe final class FloatBuffer {
    private let floats: UnsafeMutableBufferPointer<Float>

    init(count: Int) {
        unsafe floats = .allocate(capacity: count)
        unsafe floats.initialize(repeating: 0)
    }

    deinit { unsafe floats.deallocate() }

    /// A pointer to the element at `index` and those after it.
    func pointer(at index: Int) -> UnsafeMutablePointer<Float> {
        unsafe precondition(floats.indices.contains(index))
        return unsafe floats.baseAddress.unsafelyUnwrapped + index
    }

    func withSpan(_ body: (inout MutableSpan<Float>) throws -> Void) rethrows {
        var span = unsafe MutableSpan(_unsafeElements: floats)
        try body(&span)
    }
}
