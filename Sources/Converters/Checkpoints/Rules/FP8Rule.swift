import Architectures
import QAMFormat

/// F8 * scale: one scale for the tensor, for each row or column, or for each block of `weight_block_size` (DeepSeek, Qwen, Mistral and others).
///
/// Despite its name, `weight_scale_inv` is multiplied by.
struct FP8Rule: DequantizationRule {
    static let types: Set<DType> = [.f8e4m3, .f8e5m2, .f8e4m3fnuz, .f8e5m2fnuz]

    private let parameters: QuantizationParameters
    private let blockSize: (rows: Int, columns: Int)?

    init(_ parameters: QuantizationParameters) throws {
        self.parameters = parameters
        blockSize = try parameters.blockSize("weight_block_size")
    }

    func part(_ tensor: StoredTensor, of tensors: StoredTensors) throws -> CheckpointPart {
        if ScaleNames.isUnused(tensor.name) { return .unused }
        guard Self.types.contains(tensor.dtype), tensor.shape.count > 1 else {
            return try ScaleNames.isScale(tensor, ofTypes: Self.types, in: tensors) ? .side : .plain
        }
        guard let scale = tensors.first(ScaleNames.scales(of: tensor.name)) else {
            if parameters.leavesOut(ScaleNames.module(of: tensor.name)) { return .plain }
            throw tensor.malformed("it is \(tensor.dtype.name) and has no scale beside it, as the other weights have: the checkpoint is incomplete")
        }
        try scale.require(ScaleGrid.types)
        let stated = blockSize.map { ScaleGrid.blocks(scale, shape: tensor.shape, rows: $0.rows, columns: $0.columns) }
        // A matrix within one block may have a plain number.
        let isOneBlock = blockSize.map { tensor.shape[tensor.shape.count - 2] <= $0.rows && tensor.columns <= $0.columns } ?? true
        let grid = isOneBlock ? (stated ?? nil) ?? ScaleGrid.fitting(scale, shape: tensor.shape) : stated ?? nil
        guard let grid else { throw scale.noScales(of: tensor, blocks: blockSize) }
        return .weight(try ScaledWeight(name: tensor.name, shape: tensor.shape, values: tensor, .elements(tensor.dtype), scales: grid))
    }
}

extension ScaleGrid {
    /// The grid that the shape of the scales implies: one number, one for each row, equal blocks, or blocks of 128.
    static func fitting(_ scale: StoredTensor, shape: [Int]) -> ScaleGrid? {
        single(scale, shape: shape) ?? rows(scale, shape: shape) ?? even(scale, shape: shape) ?? blocks(scale, shape: shape, rows: 128, columns: 128)
    }
}

extension StoredTensor {
    /// The error for scales whose shape does not fit.
    func noScales(of weight: StoredTensor, blocks: (rows: Int, columns: Int)? = nil) -> QAMError {
        let detail = blocks.map { " in blocks of \($0.rows) x \($0.columns)" } ?? ""
        return malformed("its shape is \(shape), which does not fit scales of \"\(weight.name)\" of shape \(weight.shape)\(detail)")
    }
}

extension QuantizationParameters {
    /// Rows and columns of a block. Throws `unsupported` unless they are two.
    func blockSize(_ key: String) throws -> (rows: Int, columns: Int)? {
        guard let sides = try counts(key) else { return nil }
        guard sides.count == 2 else { throw unsupported(key, self[key] ?? .null) }
        return (sides[0], sides[1])
    }
}
