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

    // MARK: - Symbols

    /// The codewords of a row's symbols: of an octant code in units of its step.
    package func decode(
        _ symbols: Span<UInt8>, with codebook: Codebook, into y: inout [Float], at place: Range<Int>
    ) {
        let columns = place.count
        precondition(symbols.count == Self.byteCount(codebook, columns: columns))
        unsafe symbols.withUnsafeBufferPointer { bytes in
            unsafe Self.withPart(&y, place) { y in
                switch codebook.family {
                case .free:
                    unsafe table.free_decode(bytes.baseAddress, columns, codebook.points, UInt32(codebook.rate), y)
                case .octant:
                    unsafe table.octant_decode(bytes.baseAddress, columns, codebook.magnitudes, UInt32(codebook.rate), y)
                }
            }
        }
    }

    // MARK: - Whole rows

    /// Decodes whole rows: `factors[i]` is the gain of row i times the worth of a codeword's unit.
    package func dequantize(
        _ symbols: RawSpan, with tables: PairTables, factors: [Float], into weights: inout MutableSpan<Float>, at start: Int
    ) {
        precondition(symbols.byteCount == factors.count * tables.symbolBytes)
        precondition(start >= 0 && start + factors.count * tables.rotation.columns <= weights.count)
        unsafe Self.withCode(tables) { code in
            unsafe symbols.withUnsafeBytes { bytes in
                unsafe weights.withUnsafeMutableBufferPointer { weights in
                    unsafe withUnsafePointer(to: table) { table in
                        unsafe table.pointee.dequantize(
                            table, code, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), factors, factors.count,
                            weights.baseAddress.map { unsafe $0 + start })
                    }
                }
            }
        }
    }

    // MARK: - Products

    /// The points of a free codebook as int16, and their unit.
    package static func fixPoints(_ codebook: Codebook) -> (unit: Float, points: [Int16]) {
        var fixed = [Int16](repeating: 0, count: codebook.points.count)
        let unit = unsafe qam_fix_points(codebook.points, codebook.count, &fixed)
        return (unit, fixed)
    }

    /// Prepares vectors of `tables.rotation.columns` that lie one after the other.
    func prepare(_ vectors: [Float], for tables: PairTables) -> (values: [Int8], scales: [Float]) {
        let columns = tables.rotation.columns, count = vectors.count / columns
        let valueBytes = qam_activation_bytes(columns), scaleCount = Self.activationBlocks(columns)
        var values = [Int8](repeating: 0, count: count * valueBytes)
        var scales = [Float](repeating: 0, count: count * scaleCount)
        var vectors = vectors
        unsafe Self.withCode(tables) { code in
            unsafe values.withUnsafeMutableBufferPointer { values in
                unsafe scales.withUnsafeMutableBufferPointer { scales in
                    unsafe vectors.withUnsafeMutableBufferPointer { vectors in
                        guard let x = vectors.baseAddress, let v = values.baseAddress, let s = scales.baseAddress else { return }
                        unsafe withUnsafePointer(to: table) { table in
                            for t in 0..<count {
                                let target = unsafe qam_activation(values: v + t * valueBytes, scales: s + t * scaleCount)
                                unsafe table.pointee.prepare(table, code, x + t * columns, target)
                            }
                        }
                    }
                }
            }
        }
        return (values, scales)
    }

    /// The products of rows and prepared vectors: `out[t * rowsApart + i]`. `out` has room for them.
    package func multiply(
        _ product: PairProduct, _ activations: Activations, symbols: RawSpan, factors: Span<Float>,
        into out: UnsafeMutablePointer<Float>, rowsApart: Int
    ) {
        let columns = product.tables.rotation.columns
        precondition(symbols.byteCount == factors.count * product.tables.symbolBytes)
        let valueBytes = qam_activation_bytes(columns), scaleCount = Self.activationBlocks(columns)
        precondition(activations.values.count == activations.count * valueBytes)
        precondition(activations.scales.count == activations.count * scaleCount)
        unsafe Self.withCode(product.tables) { code in
            unsafe activations.values.withUnsafeBufferPointer { values in
                unsafe activations.scales.withUnsafeBufferPointer { scales in
                    // The kernels read them only.
                    let v = unsafe UnsafeMutablePointer(mutating: values.baseAddress)
                    let s = unsafe UnsafeMutablePointer(mutating: scales.baseAddress)
                    let prepared = unsafe (0..<activations.count).map { t in
                        unsafe qam_activation(
                            values: v.map { unsafe $0 + t * valueBytes }, scales: s.map { unsafe $0 + t * scaleCount })
                    }
                    unsafe symbols.withUnsafeBytes { bytes in
                        unsafe factors.withUnsafeBufferPointer { factors in
                            unsafe table.multiply(
                                code, product.fixedPoints, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self),
                                factors.baseAddress, factors.count, prepared, prepared.count, out, rowsApart)
                        }
                    }
                }
            }
        }
    }

    /// Blocks of activations that share a scale.
    private static func activationBlocks(_ columns: Int) -> Int {
        let block = Int(QAM_ACTIVATION_BLOCK)
        return (columns + block - 1) / block
    }

    private static func withCode(_ tables: PairTables, _ body: (UnsafePointer<qam_code>) -> Void) {
        let codebook = tables.codebook, rotation = tables.rotation
        precondition(tables.channelScales.map { $0.count == rotation.columns } ?? true)
        unsafe rotation.signs.withUnsafeBufferPointer { signs in
            unsafe codebook.points.withUnsafeBufferPointer { points in
                unsafe codebook.magnitudes.withUnsafeBufferPointer { magnitudes in
                    unsafe withOptional(tables.channelScales) { scales in
                        var code = unsafe qam_code(
                            family: codebook.family == .free ? QAM_FREE : QAM_OCTANT, rate: UInt32(codebook.rate),
                            columns: rotation.columns, block: rotation.blockSize, signs: signs.baseAddress, channel_scales: scales,
                            points: points.baseAddress, magnitudes: magnitudes.baseAddress)
                        unsafe body(&code)
                    }
                }
            }
        }
    }

    private static func withOptional(_ array: [Float]?, _ body: (UnsafePointer<Float>?) -> Void) {
        guard let array else { return body(nil) }
        unsafe array.withUnsafeBufferPointer { unsafe body($0.baseAddress) }
    }

    package static func byteCount(_ codebook: Codebook, columns: Int) -> Int {
        qam_row_bytes(codebook.family == .octant ? QAM_OCTANT : QAM_FREE, UInt32(codebook.rate), columns)
    }

    package static func withPart<Element>(
        _ array: inout [Element], _ part: Range<Int>, _ body: (UnsafeMutablePointer<Element>?) -> Void
    ) {
        precondition(part.lowerBound >= 0 && part.upperBound <= array.count)
        unsafe array.withUnsafeMutableBufferPointer { unsafe body($0.baseAddress.map { unsafe $0 + part.lowerBound }) }
    }
}
