import Architectures
import QAMFormat

/// The formats of compressed-tensors: whole bytes (float-, int- and naive-quantized), integers of 1 to 8 bits packed into words
/// (pack-quantized), and FP4 (nvfp4- and mxfp4-pack-quantized), also mixed.
///
/// Which of `config_groups` a weight belongs to follows from its stored tensors; it must fit exactly one way of storing.
struct CompressedTensorsRule: DequantizationRule {
    private let parameters: QuantizationParameters
    /// Nil if only tensors show the scheme.
    private let groups: [WeightGroup]?

    private static let formats: Set<String> = [
        "float-quantized", "int-quantized", "naive-quantized", "pack-quantized", "nvfp4-pack-quantized", "mxfp4-pack-quantized", "mxfp8-quantized",
        "mixed-precision", "dense",
    ]

    init(_ parameters: QuantizationParameters) throws {
        self.parameters = parameters
        guard !parameters.isEmpty else {
            groups = nil
            return
        }
        if let format = try parameters.text("format"), !Self.formats.contains(format) { throw parameters.unsupported("format", .string(format)) }
        if let sparsity = try parameters.object("sparsity_config"), let format = try sparsity.text("format"), format != "dense" {
            throw sparsity.unsupported("format", .string(format))
        }
        if let transforms = try parameters.object("transform_config"), let list = try transforms.groups("config_groups"), !list.isEmpty {
            throw parameters.unsupported("transform_config", transforms.value)
        }
        groups = try parameters.groups("config_groups")?.compactMap { group in
            if let format = try group.text("format"), !Self.formats.contains(format) { throw group.unsupported("format", .string(format)) }
            return try group.object("weights").map(WeightGroup.init)
        }
    }

    func part(_ tensor: StoredTensor, of tensors: StoredTensors) throws -> CheckpointPart {
        if Self.unused.contains(where: tensor.name.hasSuffix) || ScaleNames.isUnused(tensor.name) { return .unused }
        if let name = tensor.name.dropping(suffix: "_packed"), [.i32, .u8].contains(tensor.dtype) {
            return .weight(tensor.dtype == .i32 ? try integers(name, tensor, tensors) : try fp4(name, tensor, tensors))
        }
        if Self.bytes.contains(tensor.dtype), tensor.shape.count > 1, !tensor.name.hasSuffix("_scale"), !tensor.name.hasSuffix("_zero_point") {
            if tensors["\(tensor.name)_scale"] != nil { return .weight(try wholeBytes(tensor, tensors)) }
            guard FP8Rule.types.contains(tensor.dtype), !parameters.leavesOut(ScaleNames.module(of: tensor.name)) else { return .plain }
            _ = try tensors.require("\(tensor.name)_scale", for: tensor.name)
        }
        for suffix in Self.sides {
            guard let name = tensor.name.dropping(suffix: suffix) else { continue }
            if tensors["\(name)_packed"] != nil || tensors[name].map({ Self.bytes.contains($0.dtype) }) == true || name.hasSuffix(".weight") { return .side }
        }
        return .plain
    }

    private static let bytes: Set<DType> = FP8Rule.types.union([.i8])
    private static let sides = ["_scale", "_zero_point", "_global_scale", "_shape", "_g_idx"]
    private static let unused = [".input_global_scale", ".output_global_scale", ".k_global_scale", ".v_global_scale", ".q_global_scale"]

    // MARK: Ways of storing

    private func wholeBytes(_ values: StoredTensor, _ tensors: StoredTensors) throws -> ScaledWeight {
        let scale = try tensors.require("\(values.name)_scale", for: values.name)
        try scale.require(ScaleGrid.types)
        let isFloat = values.dtype != .i8
        return try only(values) { group in
            guard group?.isFloat ?? isFloat == isFloat, group?.bits.map({ isFloat ? $0 == 8 : $0 <= 8 }) ?? true else { return nil }
            guard let grid = grid(scale, values.shape, group) else { return nil }
            let zeros = try zeroPoints(values.name, grid, group, tensors) { ZeroPoints($0) }
            return try weight(values.name, values.shape, values, .elements(values.dtype), grid, zeros, tensors)
        }
    }

    private func integers(_ name: String, _ packed: StoredTensor, _ tensors: StoredTensors) throws -> ScaledWeight {
        let shape = try shape(name, packed, tensors)
        let scale = try tensors.require("\(name)_scale", for: name)
        try scale.require(ScaleGrid.types)
        return try only(packed) { group in
            for bits in group?.bits.map({ $0...$0 }) ?? 1...8 {
                let format = NumberFormat.integers(bits: bits, offset: 1 << (bits - 1))
                guard group?.isFloat != true, bits <= 8, format.rowBytes(columns: shape[shape.count - 1]) == packed.rowBytes,
                    let grid = grid(scale, shape, group)
                else { continue }
                let zeros = try zeroPoints(name, grid, group, tensors) { stored in
                    if stored.tensor.dtype == .i8 { return ZeroPoints(stored) }
                    return try ZeroPoints(grid, packedIn: stored.tensor, bits: bits, offset: 1 << (bits - 1), of: name)
                }
                return try weight(name, shape, packed, format, grid, zeros, tensors)
            }
            return nil
        }
    }

    private func fp4(_ name: String, _ packed: StoredTensor, _ tensors: StoredTensors) throws -> ScaledWeight {
        let scale = try tensors.require("\(name)_scale", for: name)
        let (columns, overflow) = packed.columns.multipliedReportingOverflow(by: 2)
        guard packed.shape.count > 1, !overflow else { throw packed.malformed("its shape is \(packed.shape), but a matrix is expected") }
        let shape: [Int] = packed.shape.dropLast() + [columns]
        let global = scale.dtype == .f8e4m3 ? try tensors.require("\(name)_global_scale", for: name) : nil
        try scale.require([.f8e4m3, .u8, .f8e8m0])
        let size = global == nil ? 32 : 16
        guard groups?.contains(where: { $0.isFloat == true && $0.bits == 4 && ($0.groupSize ?? size) == size }) ?? true else { throw unfit(packed) }
        guard let grid = ScaleGrid.blocks(scale, shape: shape, rows: 1, columns: size) else {
            throw scale.malformed("its shape is \(scale.shape), which does not fit scales of \"\(name)\" of shape \(shape) in groups of \(size)")
        }
        try global?.require([.f32, .bf16, .f16])
        let factor = try global.map { global in
            guard let grid = ScaleGrid.single(global, shape: shape) else { throw global.malformed("its shape is \(global.shape), but one number is expected") }
            return ScaledWeight.Factor(grid: grid, divides: true)
        }
        return try ScaledWeight(name: name, shape: shape, values: packed, .elements(.f4), scales: grid, factor: factor)
    }

    private func weight(
        _ name: String, _ shape: [Int], _ values: StoredTensor, _ format: NumberFormat, _ grid: ScaleGrid, _ zeros: ZeroPoints?, _ tensors: StoredTensors
    ) throws -> ScaledWeight {
        var index = tensors["\(name)_g_idx"], others = [tensors["\(name)_shape"]].compactMap(\.self)
        // An index of -1 throughout says that groups are consecutive columns.
        if let some = index, try tensors.integers(some, limit: shape.last ?? 1).allSatisfy({ $0 == -1 }) {
            index = nil
            others.append(some)
        }
        return try ScaledWeight(name: name, shape: shape, values: values, format, scales: grid, zeroPoints: zeros, groupIndex: index, others: others)
    }

    // MARK: Fitting

    /// The blocks of a weight's scales, as a group has them, or as the shapes imply.
    private func grid(_ scale: StoredTensor, _ shape: [Int], _ group: WeightGroup?) -> ScaleGrid? {
        guard let group, let strategy = group.strategy else { return ScaleGrid.fitting(scale, shape: shape) }
        switch strategy {
        case .tensor: return ScaleGrid.single(scale, shape: shape)
        case .channel: return ScaleGrid.rows(scale, shape: shape)
        case .group: return group.groupSize.flatMap { ScaleGrid.blocks(scale, shape: shape, rows: 1, columns: $0) }
        case .block: return group.block.flatMap { ScaleGrid.blocks(scale, shape: shape, rows: $0.rows, columns: $0.columns) }
        }
    }

    /// `make` gets the grid with the tensor of zero points in place of the scales.
    private func zeroPoints(
        _ name: String, _ grid: ScaleGrid, _ group: WeightGroup?, _ tensors: StoredTensors, _ make: (ScaleGrid) throws -> ZeroPoints
    ) throws -> ZeroPoints? {
        guard let tensor = tensors["\(name)_zero_point"] else {
            if group?.isSymmetric == false { _ = try tensors.require("\(name)_zero_point", for: name) }
            return nil
        }
        if tensor.dtype != .i32 {
            try tensor.require(FP8Rule.types.union([.i8]))
            try tensor.require(shape: grid.tensor.shape, of: name)
        }
        return try make(grid.with(tensor))
    }

    /// The plain shape, as `weight_shape` says it.
    private func shape(_ name: String, _ packed: StoredTensor, _ tensors: StoredTensors) throws -> [Int] {
        let tensor = try tensors.require("\(name)_shape", for: name)
        let shape = try tensors.integers(tensor, limit: 8)
        guard shape.count > 1, shape.dropLast() == packed.shape.dropLast(), shape.allSatisfy({ $0 > 0 }), TensorDescriptor.checkedElementCount(shape) != nil
        else {
            throw tensor.malformed("it says \(shape), which does not fit \"\(packed.name)\" of shape \(packed.shape)")
        }
        return shape
    }

    /// The one way in which the groups of the configuration read a weight.
    private func only(_ values: StoredTensor, _ read: (WeightGroup?) throws -> ScaledWeight?) throws -> ScaledWeight {
        guard let groups else {
            guard let weight = try read(nil) else { throw unfit(values) }
            return weight
        }
        var found: (weight: ScaledWeight, group: WeightGroup)?
        for group in groups where found.map({ !$0.group.reads(like: group) }) ?? true {
            guard let weight = try read(group) else { continue }
            guard found == nil else {
                throw values.unsupported("several of config_groups fit it; take the original checkpoint, or dequantize this one with compressed-tensors")
            }
            found = (weight, group)
        }
        guard let found else { throw unfit(values) }
        return found.weight
    }

    private func unfit(_ values: StoredTensor) -> QAMError {
        values.malformed(
            "its shape \(values.shape), its type \(values.dtype.name) and its scales fit none of config_groups in \(parameters.place): "
                + "the configuration is not that of these tensors")
    }
}

/// How compressed-tensors stores the weights of a group of modules: `weights` of a member of `config_groups`.
private struct WeightGroup: Sendable {
    enum Strategy: String { case tensor, channel, group, block }

    let bits: Int?
    let isFloat: Bool?
    let strategy: Strategy?
    let groupSize: Int?
    let block: (rows: Int, columns: Int)?
    let isSymmetric: Bool?

    init(_ parameters: QuantizationParameters) throws {
        bits = try parameters.count("num_bits", in: 1...8)
        let type = try parameters.text("type")
        guard [nil, "int", "float"].contains(type?.lowercased()) else { throw parameters.unsupported("type", .string(type ?? "")) }
        isFloat = type.map { $0.lowercased() == "float" }
        let name = try parameters.text("strategy")
        strategy = name == "tensor_group" ? .group : name.flatMap(Strategy.init)
        guard name == nil || strategy != nil else { throw parameters.unsupported("strategy", .string(name ?? "")) }
        groupSize = try parameters.count("group_size", in: -1...Int(Int32.max)).flatMap { $0 > 0 ? $0 : nil }
        block = try parameters.blockSize("block_structure")
        isSymmetric = try parameters.bool("symmetric")
    }

    /// Whether another group stores weights in the same way.
    func reads(like other: WeightGroup) -> Bool {
        bits == other.bits && isFloat == other.isFloat && strategy == other.strategy && groupSize == other.groupSize && isSymmetric == other.isSymmetric
            && block?.rows == other.block?.rows && block?.columns == other.block?.columns
    }
}
