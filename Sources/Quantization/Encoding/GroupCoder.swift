package import QAMFormat

/// What encoding takes of a code: behind it stand the plain engine (`RowEncoder.encode`), which codes whole rows, and the feedback
/// engine, which codes a row's columns group by group, each as the errors of the groups before have moved it.
///
/// Rows are divided by their channel scales, and by their gain, and rotated where the family is; what comes out are the
/// *coordinates* that a coder sees. Coders are asked for rows and groups, never for single symbols.
package protocol GroupCoder: Sendable {
    /// Whether gains are fitted to what is coded, where nothing else is said.
    static var fitsGains: Bool { get }

    /// The gain of a row of scaled weights, before any fit: what they are divided by.
    ///
    /// - Parameter type: how the gain will be stored; nil where that is not known yet.
    static func gain(of row: Span<Float>, sumOfSquares: Double, as type: GainType?) -> Float

    /// Builds the library's own codebook, and what searching it takes. Up to some hundredths of a second.
    init(_ code: Code) throws

    var code: Code { get }
    /// What files carry of the codebook; nil where the codec has none.
    var codebook: CodebookRecord? { get }
    /// What the numbers that `decode` gives are worth, in units of coordinates.
    var unit: Float { get }
    /// The variance of what coding leaves, as a share of the coordinates' variance, about.
    var expectedError: Double { get }

    /// The codec's parameters of a tensor.
    ///
    /// - Throws: `QAMError.invalidArgument` for a transform of another kind than the family's.
    func parameters(_ layout: RowLayout, _ transform: RowTransform) throws -> [UInt8]

    /// What a reader will make of the symbols. Throws as `parameters`.
    func decoder(_ layout: RowLayout, _ transform: RowTransform, kernels: Kernels) throws -> any TensorDecoder

    /// The symbols that are best for the coordinates of a row by themselves.
    func encode(_ z: [Float], into symbols: inout [UInt8], at place: Range<Int>, kernels: Kernels)

    /// What the symbols of a row decode to, in `unit`s.
    func decode(_ symbols: Span<UInt8>, into y: inout [Float], kernels: Kernels)

    /// Chooses the symbols of a group, column by column or as the code wants it, and feeds what is left of each target into the columns
    /// of the group after it.
    func code(_ group: FeedbackGroup, kernels: FeedbackKernels, work: inout [Float])
}

extension GroupCoder {
    /// The root mean square.
    package static func gain(of row: Span<Float>, sumOfSquares: Double, as type: GainType?) -> Float {
        Float((sumOfSquares / Double(row.count)).squareRoot())
    }

    package static var fitsGains: Bool { true }
}
