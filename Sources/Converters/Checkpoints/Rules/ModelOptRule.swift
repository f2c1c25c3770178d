import Architectures
import QAMFormat

/// NVIDIA ModelOpt: FP8 with `weight_scale`, and NVFP4 with `weight_scale` (F8, for each 16 columns) and `weight_scale_2`.
struct ModelOptRule: DequantizationRule {
    private static let algorithms: Set<String> = [
        "FP8", "FP8_PER_CHANNEL_PER_TOKEN", "FP8_PB_WO", "NVFP4", "W4A16_NVFP4", "MIXED_PRECISION",
    ]

    private let parameters: QuantizationParameters

    init(_ parameters: QuantizationParameters) throws {
        self.parameters = parameters
        var stated = [parameters] + (try parameters.groups("quantized_layers") ?? [])
        // Newer files say it for each group.
        stated += try parameters.groups("config_groups") ?? []
        for part in stated {
            if let algorithm = try part.text("quant_algo"), !Self.algorithms.contains(algorithm.uppercased()) {
                throw part.unsupported("quant_algo", .string(algorithm))
            }
        }
    }

    func part(_ tensor: StoredTensor, of tensors: StoredTensors) throws -> CheckpointPart {
        if tensor.name.hasSuffix(".pre_quant_scale") {
            throw tensor.unsupported("the inputs of its module are scaled, which plain weights cannot express: take the original checkpoint")
        }
        if tensor.name.hasSuffix(".weight") {
            if FP8Rule.types.contains(tensor.dtype), tensor.shape.count > 1 { return try fp8(tensor, tensors).map { .weight($0) } ?? .plain }
            if tensor.dtype == .u8, tensors["\(tensor.name)_scale"] != nil || tensors["\(tensor.name)_scale_2"] != nil {
                return .weight(try Self.nvfp4(tensor, tensors))
            }
        }
        if tensor.name.hasSuffix(".weight_scale_2") || tensor.name.hasSuffix(".weight_scale") { return .side }
        return ScaleNames.isUnused(tensor.name) ? .unused : .plain
    }

    private func fp8(_ values: StoredTensor, _ tensors: StoredTensors) throws -> ScaledWeight? {
        guard let stored = tensors["\(values.name)_scale"] else {
            if parameters.leavesOut(ScaleNames.module(of: values.name)) { return nil }
            throw values.malformed("it is \(values.dtype.name) and has no weight_scale beside it, as the other weights have: the checkpoint is incomplete")
        }
        try stored.require(ScaleGrid.types)
        // The scales of blocks have dimensions of 1 between them.
        let isSpread = values.shape.count == 2 && stored.shape.count == 4 && stored.shape[1] == 1 && stored.shape[3] == 1
        let scale = isSpread ? stored.reshaped([stored.shape[0], stored.shape[2]]) : stored
        guard let grid = ScaleGrid.fitting(scale, shape: values.shape) else { throw stored.noScales(of: values) }
        return try ScaledWeight(name: values.name, shape: values.shape, values: values, .elements(values.dtype), scales: grid)
    }

    private static func nvfp4(_ values: StoredTensor, _ tensors: StoredTensors) throws -> ScaledWeight {
        let scale = try tensors.require("\(values.name)_scale", for: values.name)
        let second = try tensors.require("\(values.name)_scale_2", for: values.name)
        try scale.require([.f8e4m3])
        try second.require([.f32])
        let (columns, overflow) = values.columns.multipliedReportingOverflow(by: 2)
        let shape: [Int] = values.shape.dropLast() + [columns]
        guard !overflow, let grid = ScaleGrid.blocks(scale, shape: shape, rows: 1, columns: 16) else { throw scale.noScales(of: values) }
        guard let factor = ScaleGrid.single(second, shape: shape) else { throw second.noScales(of: values) }
        return try ScaledWeight(
            name: values.name, shape: shape, values: values, .elements(.f4), scales: grid, factor: .init(grid: factor, divides: false))
    }
}
