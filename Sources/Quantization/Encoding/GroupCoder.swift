package import QAMFormat

/// The interface between a code and the two engines: the plain engine (`RowEncoder.encode`), which codes whole rows, and the feedback engine, which codes a row
/// group by group after adjusting each group's targets for earlier errors.
///
/// Coders work on *coordinates*: rows after channel scaling, division by the gain and, if the family has one, the rotation. They are called for rows and
/// groups, never for single symbols; where the family codes several rows together, for the rows of one group (`Code.Family.groupRows`).
package protocol GroupCoder: FeedbackCoder {
    /// Whether gains are refitted after coding by default.
    static var fitsGains: Bool { get }

    /// The gain of a row of scaled weights before refitting; coordinates are weights divided by it.
    ///
    /// - Parameter type: the stored gain type; nil if it is not known yet.
    static func gain(of row: Span<Float>, sumOfSquares: Double, as type: GainType?) -> Float

    /// Builds the built-in codebook and its search tables. Takes up to some hundredths of a second.
    ///
    /// - Parameter effort: what the search may cost, for families that have a choice.
    init(_ code: Code, effort: Effort) throws

    var code: Code { get }
    /// The codebook as files store it; nil if the codec has none.
    var codebook: CodebookRecord? { get }
    /// The unit of `decode`'s results, in coordinates.
    var unit: Float { get }
    /// The approximate variance of the coding error, relative to the coordinates' variance.
    var expectedError: Double { get }

    /// The codec's parameters for a tensor.
    ///
    /// - Throws: `QAMError.invalidArgument` if the transform is not of the family's kind.
    func parameters(_ layout: RowLayout, _ transform: RowTransform) throws -> [UInt8]

    /// The decoder that a reader will use for these symbols. Throws as `parameters`.
    func decoder(_ layout: RowLayout, _ transform: RowTransform, kernels: Kernels) throws -> any TensorDecoder

    /// Encodes the coordinates of the rows of one group, row by row, with the least squared error.
    ///
    /// - Parameter rows: their number; the last group of a tensor may have fewer than the family's.
    func encode(_ z: [Float], rows: Int, into symbols: inout [UInt8], at place: Range<Int>, kernels: Kernels)

    /// Decodes the symbols of as many rows, in `unit`s.
    func decode(_ symbols: Span<UInt8>, rows: Int, into y: inout [Float], kernels: Kernels)
}

extension GroupCoder {
    /// The root mean square.
    package static func gain(of row: Span<Float>, sumOfSquares: Double, as type: GainType?) -> Float {
        Float((sumOfSquares / Double(row.count)).squareRoot())
    }

    package static var fitsGains: Bool { true }
    package static var unitColumns: Int { 2 }
    package var groupRows: Int { code.family.groupRows }
    package var groupCount: Int { 1 }
    package func symbolBytes(columns: Int) -> Int { code.groupBytes(columns: columns) }
}
