import Architectures
import QAMFormat

/// Adapts llama.cpp's importance matrix, E[x^2] of the channels of each matrix's input, to calibration statistics.
///
/// It has, for each matrix, `NAME.in_sum2`, [experts, channels], and `NAME.counts`, the vectors of each expert; these are summed over all experts. Matrices of
/// one layer with equal statistics are assumed to read the same input.
struct ImatrixStatistics: LendingSource {
    let metadata: Metadata
    let tensors: [TensorDescriptor]
    let inputs: [String]
    let fingerprint: String
    private let payloads: [[UInt8]]

    private struct Entry {
        var name: String
        var meanSquares: [Float]
    }

    private static let sumEnding = ".in_sum2"

    /// Whether a source is declared to be an imatrix.
    static func isImatrix(_ source: any TensorSource) -> Bool { source.metadata["general.type"] == .string("imatrix") }

    /// Reads the whole source; O(its bytes).
    ///
    /// - Throws: `QAMError.malformed` for sums and counts that do not match.
    init(_ source: any TensorSource) throws {
        let entries = try Self.entries(source)
        struct Input: Hashable {
            let layer: Substring
            let meanSquares: [Float]
        }
        var groups: [[JSONValue]] = [], groupOfInput: [Input: Int] = [:]
        for entry in entries {
            // blk.7.attn_q.weight belongs to layer blk.7.
            let parts = entry.name.split(separator: ".", maxSplits: 2)
            let layer = parts.count == 3 ? entry.name.prefix(upTo: parts[1].endIndex) : Substring(entry.name)
            let input = Input(layer: layer, meanSquares: entry.meanSquares)
            if let group = groupOfInput[input] {
                groups[group].append(.string(entry.name))
            } else {
                groupOfInput[input] = groups.count
                groups.append([.string(entry.name)])
            }
        }
        var metadata = Metadata()
        metadata.set(CalibrationLayout.inputsKey, .string(JSONWriter.text(.array(groups.map { .array($0) }))))
        self.metadata = metadata
        tensors = entries.map {
            TensorDescriptor(name: CalibrationLayout.name($0.name, .meanSquare), shape: [$0.meanSquares.count], storage: .raw(.f32))
        }
        payloads = try entries.map { try ElementConversion.bytes($0.meanSquares, as: .f32) }
        fingerprint = "imatrix \(XXH3.hash(payloads.flatMap(\.self)))"
        inputs = source.inputs
    }

    func withBytes<Result>(_ range: Range<Int>, ofStream stream: Int, of tensor: Int, _ body: (RawSpan) throws -> Result) throws -> Result {
        let place = try range.placed(in: 0..<payloads[tensor].count, of: tensors[tensor])
        let payload = payloads[tensor]
        return try unsafe body(payload.span.extracting(place).bytes)
    }

    private static func entries(_ source: any TensorSource) throws -> [Entry] {
        var tensorOfName: [String: Int] = [:]
        for (index, tensor) in source.tensors.enumerated() { tensorOfName[tensor.name] = index }
        var entries: [Entry] = []
        for (index, tensor) in source.tensors.enumerated() where tensor.name.hasSuffix(sumEnding) {
            let name = String(tensor.name.dropLast(sumEnding.count))
            guard let counts = tensorOfName["\(name).counts"], tensor.storage == .raw(.f32), source.tensors[counts].storage == .raw(.f32),
                let width = tensor.shape.last, width > 0, source.tensors[counts].elementCount == tensor.elementCount / width
            else {
                throw QAMError(.malformed, "sums and counts do not belong together, or are not F32", at: .init(tensor: tensor.name))
            }
            let sums = try floats(source, index), seen = try floats(source, counts).map { $0 == 0 ? 1 : Double($0) }
            let total = seen.reduce(0, +)
            let means = (0..<width).map { channel in
                Float(stride(from: channel, to: sums.count, by: width).reduce(0) { $0 + Double(sums[$1]) } / total)
            }
            entries.append(Entry(name: name, meanSquares: means))
        }
        return entries
    }

    private static func floats(_ source: any TensorSource, _ tensor: Int) throws -> [Float] {
        let count = source.tensors[tensor].elementCount
        return try source.withElements(0..<4 * count, of: tensor) { bytes in
            var values = [Float](repeating: 0, count: count)
            var span = values.mutableSpan
            try ElementConversion.floats(bytes, as: .f32, into: &span)
            return values
        }
    }
}
