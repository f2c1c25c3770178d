import Architectures
import QAMFormat

/// MLX: words of codes along the inputs. In the mode "affine" codes of 2 to 8 bits with scales and biases; in the others floats with scales.
///
/// The shapes determine only the bits of a group, so that bits and group size are the configuration's: those of the module, or of all.
struct MLXRule: DequantizationRule {
    private enum Mode: String { case affine, mxfp4, nvfp4, mxfp8 }

    private struct Packing {
        var mode: Mode
        var bits: Int
        var groupSize: Int
    }

    private let parameters: QuantizationParameters
    /// Nil if nothing is stated for all modules.
    private let packing: Packing?

    init(_ parameters: QuantizationParameters) throws {
        self.parameters = parameters
        packing = ["bits", "group_size", "mode"].contains { parameters[$0] != nil } ? try Self.packing(parameters) : nil
    }

    /// What is not stated is what MLX takes then.
    private static func packing(_ parameters: QuantizationParameters) throws -> Packing {
        let name = try parameters.text("mode") ?? "affine"
        guard let mode = Mode(rawValue: name) else { throw parameters.unsupported("mode", .string(name)) }
        let (bits, size) =
            switch mode {
            case .affine: (4, 64)
            case .mxfp4: (4, 32)
            case .nvfp4: (4, 16)
            case .mxfp8: (8, 32)
            }
        let packing = Packing(
            mode: mode, bits: try parameters.count("bits", in: 1...32) ?? bits, groupSize: try parameters.count("group_size", in: 1...Int(Int32.max)) ?? size)
        guard mode == .affine ? [2, 3, 4, 5, 6, 8].contains(packing.bits) : packing.bits == bits else {
            throw parameters.unsupported("bits", .init(packing.bits))
        }
        guard mode == .affine || packing.groupSize == size else { throw parameters.unsupported("group_size", .init(packing.groupSize)) }
        return packing
    }

    func part(_ tensor: StoredTensor, of tensors: StoredTensors) throws -> CheckpointPart {
        if let module = tensor.name.dropping(suffix: ".weight"), tensor.dtype == .u32 { return .weight(try weight(module, tensor, tensors)) }
        for suffix in [".scales", ".biases"] {
            guard let module = tensor.name.dropping(suffix: suffix) else { continue }
            if tensors["\(module).weight"]?.dtype == .u32 { return .side }
            // Both without their weight.
            if suffix == ".biases", tensors["\(module).weight"] == nil, tensors["\(module).scales"] != nil { return .side }
        }
        return .plain
    }

    private func weight(_ module: String, _ words: StoredTensor, _ tensors: StoredTensors) throws -> any QuantizedWeight {
        let scales = try tensors.require("\(module).scales", for: words.name)
        guard let packing = try packing(of: module) else {
            throw words.unsupported("nothing says how it is quantized: config.json must have MLX's \"quantization\" with group_size and bits")
        }
        let (columns, overflow) = scales.columns.multipliedReportingOverflow(by: packing.groupSize)
        let shape = Array(scales.shape.dropLast()) + [columns]
        guard !overflow, shape.count > 1, words.shape.dropLast() == shape.dropLast(),
            PlainWeight.elementCount(shape) != nil,
            PackedCodes.wordCount(columns, bits: packing.bits) == words.columns, columns * packing.bits % 32 == 0,
            let grid = ScaleGrid.blocks(scales, shape: shape, rows: 1, columns: packing.groupSize)
        else {
            throw words.malformed(
                "its shape is \(words.shape), that of \"\(scales.name)\" is \(scales.shape), which do not fit codes of \(packing.bits) bits in groups of "
                    + "\(packing.groupSize), as \(parameters.place) says")
        }
        guard packing.mode == .affine else { return try floats(words, shape, grid, packing.mode) }
        let biases = try tensors.require("\(module).biases", for: words.name)
        for tensor in [scales, biases] { try tensor.require([.f32, .f16, .bf16]) }
        try biases.require(shape: scales.shape, of: words.name)
        return AffineWeight(name: words.name, shape: shape, codes: words, .integers(bits: packing.bits, offset: 0), scales: grid, biases: biases)
    }

    private func floats(_ words: StoredTensor, _ shape: [Int], _ grid: ScaleGrid, _ mode: Mode) throws -> ScaledWeight {
        try grid.tensor.require([.u8])
        // The scales of the other modes are exponents, as U8 otherwise means.
        let scales = mode == .nvfp4 ? grid.with(grid.tensor.cast(to: .f8e4m3)) : grid
        return try ScaledWeight(name: words.name, shape: shape, values: words, .elements(mode == .mxfp8 ? .f8e4m3 : .f4), scales: scales)
    }

    /// The parameters of a module: its own, which replace all of the others.
    private func packing(of module: String) throws -> Packing? {
        guard let own = parameters[module], own != true else { return packing }
        guard case .object = own else { throw parameters.unsupported(module, own) }
        return try Self.packing(QuantizationParameters(own, place: "\(parameters.place), \(module)"))
    }
}
