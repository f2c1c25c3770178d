package import CQAMKernels.Pairs

/// The C kernels behind safe signatures: the one place that hands pointers to them.
///
/// Sizes are this module's own arithmetic, never a file's word, so a wrong one is a bug and traps.
package struct Kernels: Sendable {
    /// A set of processor features with a name; those of one architecture come in ascending order.
    package struct InstructionSet: Hashable, Sendable, CustomStringConvertible {
        /// As QAMW_ISA takes it.
        package let name: String
        /// A bit for each, as in processor.h.
        package let features: UInt32

        fileprivate init(_ set: qam_feature_set) {
            name = unsafe String(cString: set.name)
            features = unsafe set.features
        }

        package static let all = unsafe withUnsafeBytes(of: qam_feature_sets) { bytes in
            unsafe bytes.bindMemory(to: qam_feature_set.self).map { unsafe InstructionSet($0) }
        }

        /// Whether this machine has all of it.
        package var isPresent: Bool { qam_has(qam_features_here(), features) }

        package func isSubset(of other: Self) -> Bool { qam_has(other.features, features) }

        /// Those that this machine has, the scalar one first.
        package static var present: [Self] { all.filter(\.isPresent) }

        package var description: String { name }
    }

    /// The last set whose features may all be used.
    package let instructionSet: InstructionSet
    /// The features that may be used: those of the set, and of others beyond it.
    package let features: UInt32
    /// For extensions in targets above.
    package let table: qam_kernels

    /// Those for this machine, or for what of it the environment variable QAMW_ISA allows.
    package static let chosen = Kernels(features: qam_features_allowed())

    /// Those for a set of features; nil where this machine lacks any.
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

    /// Throws `invalidArgument` where QAMW_ISA names no set. It is read once.
    package static func checkEnvironment() throws {
        guard let fault = environmentFault else { return }
        let names = InstructionSet.all.map(\.name).joined(separator: ", ")
        throw QAMError(.invalidArgument, "QAMW_ISA is '\(fault)': it takes one of \(names)")
    }

    // MARK: - Memory

    /// Reads all bytes as fast as the machine can, for benchmarks to compare with. Returns the exclusive or of their words.
    package func read(_ bytes: RawSpan) -> UInt64 {
        unsafe bytes.withUnsafeBytes { unsafe table.read($0.baseAddress?.assumingMemoryBound(to: UInt8.self), $0.count) }
    }

    // MARK: - Rows of floats

    package func sumOfSquares(_ x: Span<Float>) -> Double {
        unsafe x.withUnsafeBufferPointer { unsafe table.sum_of_squares($0.baseAddress, $0.count) }
    }

    /// The sums of z*z, z*y and y*y.
    package func innerProducts(_ z: [Float], _ y: [Float]) -> (zz: Double, zy: Double, yy: Double) {
        precondition(z.count == y.count)
        let sums = unsafe table.inner_products(z, y, z.count)
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

    private static func element(_ dtype: DType) -> qam_element? {
        switch dtype {
        case .f32: QAM_F32
        case .f16: QAM_F16
        case .bf16: QAM_BF16
        default: nil
        }
    }

    /// The values of elements of F32, F16 or BF16, as many as `x` takes. False, and nothing happens, for other types.
    package func floats(_ bytes: RawSpan, as dtype: DType, into x: inout MutableSpan<Float>) -> Bool {
        guard let type = Self.element(dtype) else { return false }
        precondition(dtype.byteCount(elements: x.count) == bytes.byteCount)
        unsafe bytes.withUnsafeBytes { bytes in
            unsafe x.withUnsafeMutableBufferPointer { unsafe table.to_floats(bytes.baseAddress, type, $0.count, $0.baseAddress) }
        }
        return true
    }

    /// Values as elements of F32, F16 or BF16, rounded to nearest even, into `bytes` from `start` on. False, and nothing
    /// happens, for other types.
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
