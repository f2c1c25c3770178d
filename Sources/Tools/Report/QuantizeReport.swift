internal import Quantization
internal import Architectures
internal import Converters
internal import Models
internal import QAMFormat

/// The result of `quantize`, or of its dry run.
struct QuantizeReport {
    let output: String
    let inputBytes: Int
    let plan: Quantizer.Plan
    /// The model as it is coded.
    let source: any TensorSource
    /// The calibration in the same run.
    let calibration: GatheredStatistics?
    var bytes = 0
    /// What was done; nil for a dry run.
    var transfer: TransferReport?
    var seconds = 0.0
    /// Those of the plan, then those of writing.
    var warnings: [String]

    init(output: String, inputBytes: Int, plan: Quantizer.Plan, source: any TensorSource, calibration: GatheredStatistics?) {
        self.output = output
        self.inputBytes = inputBytes
        self.plan = plan
        self.source = source
        self.calibration = calibration
        warnings = (calibration?.warnings ?? []) + plan.warnings
    }

    func print(_ options: ReportOptions) throws {
        options.show(warnings: warnings)
        if options.json {
            try Console.print(json)
        } else if !options.quiet {
            try Console.print(text)
        }
    }

    private var isDryRun: Bool { transfer == nil }
    /// Over all coded tensors; nil before they are coded.
    private var nmse: Double? { transfer?.totalDistortion?.normalized }
    private var divergence: Double? { transfer?.knownDivergence }
    /// The error of the codes on Gaussian data.
    private var gaussianError: Double { plan.gaussianError(weighedBy: transfer?.distortion) }
    /// How many tensors are coded with feedback.
    private var fedBack: Int {
        plan.decisions.count { if case .coded(_, feedsBack: true) = $0.outcome { true } else { false } }
    }

    /// The tensors that stay as they are, with why; those that are coded already are none of them.
    private var raw: RawTensors {
        var raw = RawTensors()
        for decision in plan.decisions {
            guard case .left(let reason) = decision.outcome, case .raw = source.tensors[decision.tensor].storage else { continue }
            raw.add(source.tensors[decision.tensor], reason: reason)
        }
        return raw
    }

    private var json: JSONValue {
        let size = ModelSize(source)
        var members: [JSONValue.Member] = [
            .init("output", .string(output)), .init("bytes", JSONValue(bytes)), .init("inputBytes", JSONValue(inputBytes)),
            .init("bitsPerWeight", .number(size.bitsPerWeight)), .init("parameters", JSONValue(size.parameters)),
            .init("tensors", size.tensorsJSON), .init("quantized", size.quantizedJSON), .init("raw", raw.json),
            .init("nmse", nmse.map(JSONValue.number) ?? .null), .init("gaussianNmse", .number(gaussianError)),
            .init("expectedDivergence", divergence.map(JSONValue.number) ?? .null),
            .init("feedback", JSONValue(fedBack)), .init("scaling", plan.scaling.map { .array($0.map(Self.json)) } ?? .null),
            .init("calibration", calibration?.json ?? .null), .init("rates", plan.rates?.json ?? .null), .init("seconds", .number(seconds)),
            .init("peakMemoryBytes", JSONValue(Platform.peakMemoryBytes)),
            .init("warnings", .array(warnings.map(JSONValue.string))),
        ]
        if isDryRun { members.append(.init("dryRun", .bool(true))) }
        return .object(members)
    }

    private static func json(_ outcome: ScalingOutcome) -> JSONValue {
        [
            "tensors": .array(outcome.matrices.map(JSONValue.string)), "errorRatio": outcome.errorRatio.map(JSONValue.number) ?? .null,
            "used": .bool(outcome.isUsed),
        ]
    }

    private var text: String {
        let size = ModelSize(source)
        var table = Table.pairs
        let ratio = inputBytes > 0 ? ", \(Format.percent(bytes, of: inputBytes)) of \(Format.bytes(inputBytes))" : ""
        table.add("whole model", "\(Format.bytes(bytes)) at \(Format.decimal(size.bitsPerWeight, 3)) bits per weight\(ratio)")
        table.add(
            "quantized",
            "\(Format.count(size.quantizedCount, "tensor")), \(Format.count(size.quantizedParameters)) weights "
                + "(\(Format.percent(size.quantizedParameters, of: size.parameters))) "
                + "at \(Format.decimal(size.quantizedBitsPerWeight, 3)) bits with all overhead")
        if size.aliasCount > 0 { table.add("tied", "\(Format.count(size.aliasCount, "name")) of tensors stored once") }
        let gaussian = gaussianError
        if let divergence {
            table.add("error", "divergence \(Format.scientific(divergence)) nats a token to be expected")
        } else if let nmse {
            table.add("error", "NMSE \(Format.scientific(nmse)); on Gaussian data \(Format.scientific(gaussian))")
        } else if gaussian > 0 {
            table.add("error", "NMSE about \(Format.scientific(gaussian)), that of Gaussian data")
        }
        if let calibration { table.add("calibration", calibration.summary) }
        if fedBack > 0 { table.add("feedback", Format.count(fedBack, "tensor")) }
        if let rates = plan.rates { table.add("rates", isDryRun ? "\(rates.summary); \(rates.expectation)" : rates.summary) }
        if let scaling = plan.scaling {
            let used = scaling.filter(\.isUsed)
            let error = used.compactMap(\.errorRatio).min().map { ", output error down to \(Format.decimal($0, 3)) of that without" } ?? ""
            let left = scaling.count == used.count ? "" : "; left out of \(scaling.count - used.count), where they would not help"
            table.add("scales", "\(Format.count(used.count, "input"))\(error)\(left)")
        }
        if isDryRun, let expected = calibration?.seconds {
            table.add("expected", "\(Format.duration(expected.gathering)) for statistics, \(Format.duration(expected.coding)) for coding")
        }
        let rate = seconds > 0 && !isDryRun ? ", \(Format.rate(Double(inputBytes), seconds: seconds))" : ""
        table.add("time", "\(Format.decimal(seconds, 1)) s\(rate), peak memory \(Format.bytes(Platform.peakMemoryBytes))")
        let title = Format.printable(output) + (isDryRun ? " (dry run, nothing is written)" : "")
        let rawTable = raw.table(parameters: size.parameters)
        let chosen = isDryRun ? plan.rates.map { [""] + $0.lines } ?? [] : []
        return ([title] + table.lines + chosen + (rawTable.isEmpty ? [] : [""] + rawTable.lines)).joined(separator: "\n")
    }
}
