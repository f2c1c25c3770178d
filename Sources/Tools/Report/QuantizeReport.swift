internal import Quantization
internal import Architectures
internal import Converters
internal import QAMFormat

/// The result of `quantize`, or of its dry run.
struct QuantizeReport {
    let output: String
    let inputBytes: Int
    let source: any TensorSource
    let raw: RawTensors
    /// The error on Gaussian data of the code of each tensor that is coded here.
    private let gaussianErrors: [Int: Double]
    var bytes = 0
    /// The distortion of each coded tensor, by index.
    var distortion: [Int: Distortion] = [:]
    /// The number of tensors coded with error feedback.
    var fedBack = 0
    /// The effect of channel scales, if requested.
    var scaling: [ChannelScaling.Outcome]?
    /// The rates, if chosen per tensor.
    var rates: ChosenRates?
    var warnings: [String] = []
    var isDryRun = false
    var seconds = 0.0

    /// Performs everything that can fail, before anything is written. `quantized` are the source's tensors coded in this run.
    init(output: String, inputBytes: Int, source: any TensorSource, quantized: Set<Int>, raw: RawTensors) throws {
        self.output = output
        self.inputBytes = inputBytes
        self.source = source
        self.raw = raw
        gaussianErrors = try Self.gaussianErrors(source, quantized)
    }

    func print(_ options: ReportOptions) throws {
        options.show(warnings: warnings)
        if options.json {
            try Console.print(json)
        } else if !options.quiet {
            try Console.print(text)
        }
    }

    /// Over all coded tensors; nil before they are coded.
    private var nmse: Double? {
        var total = Distortion()
        for index in distortion.keys.sorted() { distortion[index].map { total += $0 } }
        return total.energy > 0 ? total.normalized : nil
    }

    private var json: JSONValue {
        let size = ModelSize(source)
        var members: [JSONValue.Member] = [
            .init("output", .string(output)), .init("bytes", JSONValue(bytes)), .init("inputBytes", JSONValue(inputBytes)),
            .init("bitsPerWeight", .number(size.bitsPerWeight)), .init("parameters", JSONValue(size.parameters)),
            .init("tensors", size.tensorsJSON), .init("quantized", size.quantizedJSON), .init("raw", raw.json),
            .init("nmse", nmse.map(JSONValue.number) ?? .null), .init("gaussianNmse", .number(gaussianError)),
            .init("feedback", JSONValue(fedBack)), .init("scaling", scaling.map { .array($0.map(Self.json)) } ?? .null),
            .init("rates", rates?.json ?? .null), .init("seconds", .number(seconds)), .init("peakMemoryBytes", JSONValue(Platform.peakMemoryBytes)),
            .init("warnings", .array(warnings.map(JSONValue.string))),
        ]
        if isDryRun { members.append(.init("dryRun", .bool(true))) }
        return .object(members)
    }

    private static func json(_ outcome: ChannelScaling.Outcome) -> JSONValue {
        [
            "tensors": .array(outcome.matrices.map(JSONValue.string)), "errorRatio": outcome.errorRatio.map(JSONValue.number) ?? .null,
            "used": .bool(outcome.isUsed),
        ]
    }

    private var text: String {
        let size = ModelSize(source)
        var table = Table.pairs
        let ratio = inputBytes > 0 ? ", \(Format.percent(bytes, of: inputBytes))" : ""
        table.add("size", "\(Format.bytes(inputBytes)) -> \(Format.bytes(bytes))\(ratio)")
        table.add(
            "quantized",
            "\(Format.count(size.quantizedCount, "tensor")), \(Format.count(size.quantizedParameters)) weights "
                + "(\(Format.percent(size.quantizedParameters, of: size.parameters))) "
                + "at \(Format.decimal(size.quantizedBitsPerWeight, 3)) bits with all overhead")
        table.add("whole model", "\(Format.count(size.parameters)) weights at \(Format.decimal(size.bitsPerWeight, 3)) bits")
        if size.aliasCount > 0 { table.add("tied", "\(Format.count(size.aliasCount, "name")) of tensors stored once") }
        let gaussian = gaussianError
        if let nmse {
            table.add("error", "NMSE \(Format.scientific(nmse)); on Gaussian data \(Format.scientific(gaussian))")
        } else if !gaussianErrors.isEmpty {
            table.add("error", "NMSE about \(Format.scientific(gaussian)), that of Gaussian data")
        }
        if fedBack > 0 { table.add("feedback", Format.count(fedBack, "tensor")) }
        if let rates { table.add("rates", rates.summary) }
        if let scaling {
            let used = scaling.filter(\.isUsed)
            let error = used.compactMap(\.errorRatio).min().map { ", output error down to \(Format.decimal($0, 3)) of that without" } ?? ""
            let left = scaling.count == used.count ? "" : "; left out of \(scaling.count - used.count), where they would not help"
            table.add("scales", "\(Format.count(used.count, "input"))\(error)\(left)")
        }
        let rate = seconds > 0 && !isDryRun ? ", \(Format.rate(Double(inputBytes), seconds: seconds))" : ""
        table.add("time", "\(Format.decimal(seconds, 1)) s\(rate), peak memory \(Format.bytes(Platform.peakMemoryBytes))")
        let title = Format.printable(output) + (isDryRun ? " (dry run, nothing is written)" : "")
        let rawTable = raw.table(parameters: size.parameters)
        let chosen = isDryRun ? rates.map { [""] + $0.lines } ?? [] : []
        return ([title] + table.lines + chosen + (rawTable.isEmpty ? [] : [""] + rawTable.lines)).joined(separator: "\n")
    }

    /// The error of the codes on Gaussian data, weighted as the tensors are: by what they have in energy, or before that
    /// is known in weights.
    private var gaussianError: Double {
        var sum = Distortion()
        for (index, error) in gaussianErrors.sorted(by: { $0.key < $1.key }) {
            let energy = isDryRun ? Double(source.tensors[index].elementCount) : distortion[index]?.energy ?? 0
            sum += Distortion(error: energy * error, energy: energy)
        }
        return sum.normalized
    }

    /// By tensor, of those that are coded here: what else the source has is kept, with codes of any kind.
    private static func gaussianErrors(_ source: any TensorSource, _ quantized: Set<Int>) throws -> [Int: Double] {
        var errors: [Code: Double] = [:]
        var tensors: [Int: Double] = [:]
        for index in quantized {
            let code = try CodecRegistry.describe(source.tensors[index], shared: source.shared).code
            let error = try errors[code] ?? GaussianReference.normalizedError(code)
            errors[code] = error
            tensors[index] = error
        }
        return tensors
    }
}
