package import CQAMKernels.Pairs

/// Safe wrappers of the C kernels: the only code that passes pointers to them.
///
/// Sizes are computed by this module, never read from a file, so a wrong one is a bug and traps.
package struct Kernels: Sendable {
    /// A named set of processor features; the sets of one architecture are in ascending order.
    package struct InstructionSet: Hashable, Sendable, CustomStringConvertible {
        /// As in QAMW_ISA.
        package let name: String
        /// One bit per feature, as in processor.h.
        package let features: UInt32

        fileprivate init(_ set: qam_feature_set) {
            name = unsafe String(cString: set.name)
            features = unsafe set.features
        }

        package static let all = unsafe withUnsafeBytes(of: qam_feature_sets) { bytes in
            unsafe bytes.bindMemory(to: qam_feature_set.self).map { unsafe InstructionSet($0) }
        }

        /// Whether this machine has all of its features.
        package var isPresent: Bool { qam_has(qam_features_here(), features) }

        package func isSubset(of other: Self) -> Bool { qam_has(other.features, features) }

        /// The sets that this machine has, the scalar one first.
        package static var present: [Self] { all.filter(\.isPresent) }

        package var description: String { name }
    }

    /// The last set whose features may all be used.
    package let instructionSet: InstructionSet
    /// The allowed features: those of the set, and possibly others.
    package let features: UInt32
    /// For extensions in other targets.
    package let table: qam_kernels

    /// The kernels for this machine, or for the features that the environment variable QAMW_ISA allows.
    package static let chosen = Kernels(features: qam_features_allowed())

    /// The kernels for a feature set; nil if this machine lacks any of it.
    package init?(_ instructionSet: InstructionSet) {
        guard instructionSet.isPresent else { return nil }
        self.init(features: instructionSet.features)
    }

    private init(features: qam_features) {
        self.features = features
        instructionSet = unsafe InstructionSet(qam_last_set(features).pointee)
        table = qam_kernels_for(features)
    }

    private static let environmentFault = unsafe qam_features_fault().map { unsafe String(cString: $0) }

    /// Throws `invalidArgument` if QAMW_ISA names no set. It is read once.
    package static func checkEnvironment() throws {
        guard let fault = environmentFault else { return }
        let names = InstructionSet.all.map(\.name).joined(separator: ", ")
        throw QAMError(.invalidArgument, "QAMW_ISA is '\(fault)': it takes one of \(names)")
    }

    // MARK: - Memory

    /// Reads all bytes at full memory bandwidth, as a reference for benchmarks. Returns the exclusive or of their words.
    package func read(_ bytes: RawSpan) -> UInt64 {
        unsafe bytes.withUnsafeBytes { unsafe table.read($0.baseAddress?.assumingMemoryBound(to: UInt8.self), $0.count) }
    }

    // MARK: - Rows of floats

    package func sumOfSquares(_ x: Span<Float>) -> Double {
        unsafe x.withUnsafeBufferPointer { unsafe table.sum_of_squares($0.baseAddress, $0.count) }
    }

    /// The sums of z*z, z*y and y*y.
    package func innerProducts(_ z: Span<Float>, _ y: Span<Float>) -> (zz: Double, zy: Double, yy: Double) {
        precondition(z.count == y.count)
        let sums = unsafe z.withUnsafeBufferPointer { z in
            unsafe y.withUnsafeBufferPointer { y in unsafe table.inner_products(z.baseAddress, y.baseAddress, z.count) }
        }
        return (sums.zz, sums.zy, sums.yy)
    }

    package func squaredDistance(_ a: Span<Float>, _ b: [Float]) -> Double {
        precondition(a.count == b.count)
        return unsafe a.withUnsafeBufferPointer { unsafe table.squared_distance($0.baseAddress, b, b.count) }
    }

    package func multiply(_ x: inout [Float], by scales: [Float]) {
        precondition(x.count == scales.count)
        unsafe table.scale(&x, scales, scales.count)
    }

    /// x = H(d * (x * inverseGain)) * scale.
    package func rotate(_ x: inout [Float], by rotation: Rotation, inverseGain: Double) {
        precondition(x.count == rotation.columns)
        unsafe table.rotate(&x, inverseGain, rotation.signs, rotation.columns, rotation.blockSize, rotation.scale)
    }

    /// x = (d * H(x)) * factor, for a row at `start`.
    func rotateBack(_ x: inout MutableSpan<Float>, at start: Int, by rotation: Rotation, factor: Float) {
        precondition(start >= 0 && start + rotation.columns <= x.count)
        unsafe x.withUnsafeMutableBufferPointer { x in
            unsafe table.rotate_back(x.baseAddress.map { unsafe $0 + start }, rotation.signs, rotation.columns, rotation.blockSize, factor)
        }
    }

    /// Divides a row at `start` by a scale for each column.
    func divide(_ x: inout MutableSpan<Float>, at start: Int, by scales: [Float]) {
        precondition(start >= 0 && start + scales.count <= x.count)
        unsafe x.withUnsafeMutableBufferPointer { x in unsafe table.unscale(x.baseAddress.map { unsafe $0 + start }, scales, scales.count) }
    }

    private static func element(_ dtype: DType) -> qam_element? {
        switch dtype {
        case .f32: QAM_F32
        case .f16: QAM_F16
        case .bf16: QAM_BF16
        default: nil
        }
    }

    /// Converts F32, F16 or BF16 elements, as many as `x` holds. Returns false and does nothing for other types.
    package func floats(_ bytes: RawSpan, as dtype: DType, into x: inout MutableSpan<Float>) -> Bool {
        guard let type = Self.element(dtype) else { return false }
        precondition(dtype.byteCount(elements: x.count) == bytes.byteCount)
        unsafe bytes.withUnsafeBytes { bytes in
            unsafe x.withUnsafeMutableBufferPointer { unsafe table.to_floats(bytes.baseAddress, type, $0.count, $0.baseAddress) }
        }
        return true
    }

    /// Converts values to F32, F16 or BF16 elements, rounded to nearest even, and stores them in `bytes` from `start` on. Returns false and does nothing for
    /// other types.
    func elements(_ x: Span<Float>, as dtype: DType, into bytes: inout MutableRawSpan, at start: Int) -> Bool {
        guard let type = Self.element(dtype), let size = dtype.byteCount(elements: x.count) else { return false }
        precondition(start >= 0 && size <= bytes.byteCount - start)
        unsafe bytes.withUnsafeMutableBytes { bytes in
            unsafe x.withUnsafeBufferPointer { x in
                guard let target = bytes.baseAddress else { return }
                unsafe table.from_floats(x.baseAddress, x.count, type, target + start)
            }
        }
        return true
    }

    // MARK: - Arrays

    static func withOptional(_ array: [Float]?, _ body: (UnsafePointer<Float>?) -> Void) {
        guard let array else { return body(nil) }
        unsafe array.withUnsafeBufferPointer { unsafe body($0.baseAddress) }
    }

    package static func withPart<Element>(
        _ array: inout [Element], _ part: Range<Int>, _ body: (UnsafeMutablePointer<Element>?) -> Void
    ) {
        precondition(part.lowerBound >= 0 && part.upperBound <= array.count)
        unsafe array.withUnsafeMutableBufferPointer { unsafe body($0.baseAddress.map { unsafe $0 + part.lowerBound }) }
    }
}
