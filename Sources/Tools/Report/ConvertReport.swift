internal import Architectures
internal import Converters
internal import Models
internal import QAMFormat
internal import Quantization

/// The result of `convert`, or of its dry run.
struct ConvertReport {
    var output: String
    let inputBytes: Int
    /// The input model and the transformed one.
    let before: any TensorSource
    let after: any TensorSource
    let isPacked: Bool
    var bytes = 0
    var warnings: [String] = []
    /// The error of the tensors that became block types, relative to their energy; nil if there are none.
    var nmse: Double?
    /// The expected divergence; nil unless it is known of all these tensors.
    var divergence: Double?
    /// The types that were chosen by what errors cost; nil if they are given.
    var choice: TypeChoice?
    /// The calibration in the same run.
    var calibration: GatheredStatistics?
    var isDryRun = false
    var seconds = 0.0

    func print(_ options: ReportOptions) throws {
        options.show(warnings: warnings)
        if options.json {
            try Console.print(json)
        } else if !options.quiet {
            try Console.print(text)
        }
    }

    /// The model as seen by a reader of the output: for a packed one, its contents.
    private var result: any TensorSource { isPacked ? before : after }

    private var raw: RawTensors {
        var raw = RawTensors()
        let old = Dictionary(before.tensors.map { ($0.name, $0.storage) }) { first, _ in first }
        for new in result.tensors {
            guard case .raw(let dtype) = new.storage else { continue }
            switch old[new.name] {
            case .coded: raw.add(new, reason: "decoded to \(dtype.name)")
            case .raw(let oldType) where oldType != dtype: raw.add(new, reason: "cast from \(oldType.name) to \(dtype.name)")
            case .raw, .alias, .unreadable: raw.add(new, reason: "kept as \(dtype.name)")
            case nil: raw.add(new, reason: "renamed, as \(dtype.name)")
            }
        }
        return raw
    }

    private var json: JSONValue {
        let size = ModelSize(result)
        var members: [JSONValue.Member] = [
            .init("output", .string(output)), .init("bytes", JSONValue(bytes)), .init("inputBytes", JSONValue(inputBytes)),
            .init("bitsPerWeight", .number(size.bitsPerWeight)), .init("parameters", JSONValue(size.parameters)),
            .init("tensors", size.tensorsJSON), .init("raw", raw.json), .init("nmse", nmse.map(JSONValue.number) ?? .null),
            .init("expectedDivergence", divergence.map(JSONValue.number) ?? .null), .init("calibration", calibration?.json ?? .null),
            .init("seconds", .number(seconds)),
            .init("peakMemoryBytes", JSONValue(Platform.peakMemoryBytes)), .init("warnings", .array(warnings.map(JSONValue.string))),
        ]
        if isDryRun { members.append(.init("dryRun", .bool(true))) }
        return .object(members)
    }

    private var text: String {
        let size = ModelSize(result)
        var table = Table.pairs
        let ratio = inputBytes > 0 ? ", \(Format.percent(bytes, of: inputBytes))" : ""
        table.add("size", "\(Format.bytes(inputBytes)) -> \(Format.bytes(bytes))\(ratio)")
        table.add("model", "\(Format.count(size.parameters)) weights at \(Format.decimal(size.bitsPerWeight, 3)) bits")
        if size.quantizedCount > 0 { table.add("quantized", "\(Format.count(size.quantizedCount, "tensor")), kept as they are") }
        if let divergence {
            table.add("error", "divergence \(Format.scientific(divergence)) nats a token to be expected")
        } else if isDryRun, let choice {
            table.add("error", "\(RateChoice.words(choice.unit)) \(Format.scientific(choice.cost)) to be expected")
        } else if let nmse {
            table.add("error", "\(Format.scientific(nmse)) of the weights' energy (NMSE)")
        }
        if let calibration { table.add("calibration", calibration.summary) }
        let rate = seconds > 0 && !isDryRun ? ", \(Format.rate(Double(inputBytes), seconds: seconds))" : ""
        table.add("time", "\(Format.decimal(seconds, 1)) s\(rate), peak memory \(Format.bytes(Platform.peakMemoryBytes))")
        let title = Format.printable(output) + (isDryRun ? " (dry run, nothing is written)" : "")
        let rawTable = raw.table(parameters: size.parameters)
        return ([title] + table.lines + (rawTable.isEmpty ? [] : [""] + rawTable.lines)).joined(separator: "\n")
    }
}
