import Architectures
import QAMFormat

/// bitsandbytes as transformers saves it: rows of int8 with `SCB`, and blocks of nf4 or fp4, whose description is JSON in a tensor of bytes.
struct BitsAndBytesRule: DequantizationRule {
    private let parameters: QuantizationParameters

    private static let kinds = ["nf4", "fp4"]
    private static let description = ".quant_state.bitsandbytes__"
    private static let sides = [".absmax", ".quant_map", ".nested_absmax", ".nested_quant_map"]
    private static let floats: Set<DType> = [.f32, .f16, .bf16]

    init(_ parameters: QuantizationParameters) throws { self.parameters = parameters }

    func part(_ tensor: StoredTensor, of tensors: StoredTensors) throws -> CheckpointPart {
        if Self.sides.contains(where: tensor.name.hasSuffix) || tensor.name.contains(Self.description) || tensor.name.hasSuffix(".SCB") { return .side }
        if let module = tensor.name.dropping(suffix: ".weight_format") { return tensors["\(module).weight"]?.dtype == .i8 ? .side : .plain }
        if Self.kinds.contains(where: { tensors["\(tensor.name)\(Self.description)\($0)"] != nil }) || tensors["\(tensor.name).absmax"] != nil {
            return .weight(try blockwise(tensor, tensors))
        }
        guard let module = tensor.name.dropping(suffix: ".weight"), tensor.shape.count > 1 else { return .plain }
        if tensor.dtype == .i8 { return .weight(try rows(module, tensor, tensors)) }
        if tensor.dtype == .u8, tensor.columns == 1 { _ = try tensors.require("\(tensor.name).absmax", for: tensor.name) }
        return .plain
    }

    // MARK: 8 bits

    private func rows(_ module: String, _ values: StoredTensor, _ tensors: StoredTensors) throws -> Int8RowWeight {
        let scales = try tensors["\(values.name).SCB"] ?? tensors.require("\(module).SCB", for: values.name)
        try scales.require(Self.floats)
        guard scales.elementCount == values.rows else {
            throw scales.malformed("it has \(scales.elementCount) elements, but \"\(values.name)\" has \(values.rows) rows")
        }
        let format = tensors["\(module).weight_format"]
        if let format {
            try format.require([.u8])
            // Others are the orders of elements that old graphics processors want.
            guard format.elementCount == 1, try tensors.bytes(0..<1, of: format) == [0] else {
                throw format.unsupported("the elements of \"\(values.name)\" are not in rows: save the model with a newer version of bitsandbytes")
            }
        }
        return Int8RowWeight(values: values, scales: scales, format: format)
    }

    // MARK: 4 bits

    private func blockwise(_ codes: StoredTensor, _ tensors: StoredTensors) throws -> BlockwiseWeight {
        let name = codes.name
        let kind = Self.kinds.first { tensors["\(name)\(Self.description)\($0)"] != nil } ?? Self.kinds[0]
        let tensor = try tensors.require("\(name)\(Self.description)\(kind)", for: name)
        let state = try QuantState(tensor, kind, tensors)
        guard let count = PlainWeight.elementCount(state.shape), count > 0 else {
            throw tensor.malformed("it says the shape \(state.shape)")
        }
        let bytes = codes.dtype.byteCount(elements: codes.elementCount) ?? 0
        // bitsandbytes takes a single row of bytes for a transposed weight.
        let isTransposed = codes.shape.count == 2 && codes.rows == 1 && codes.columns > 1
        guard bytes == (count + 1) / 2, !isTransposed else {
            throw codes.malformed("its shape is \(codes.shape), but \"\(tensor.name)\" says the shape \(state.shape), whose codes are \((count + 1) / 2) bytes")
        }
        let scales = try tensors.require("\(name).absmax", for: name), blocks = (count - 1) / state.blockSize + 1
        guard scales.elementCount == blocks else {
            throw scales.malformed("it has \(scales.elementCount) elements, but \(count) weights are \(blocks) blocks of \(state.blockSize)")
        }
        let mapTensor = try tensors.require("\(name).quant_map", for: name), map = try Self.table(mapTensor, 16, tensors)
        let nested = try nested(name, scales, blocks, state, tensors)
        return BlockwiseWeight(
            name: name, shape: state.shape, dtype: state.dtype, codes: codes, scales: scales, table: map, blockSize: state.blockSize, nested: nested,
            others: [tensor, mapTensor])
    }

    private func nested(_ name: String, _ scales: StoredTensor, _ blocks: Int, _ state: QuantState, _ tensors: StoredTensors) throws -> BlockwiseWeight.Nested?
    {
        guard scales.dtype == .u8 || state.nested != nil || tensors["\(name).nested_absmax"] != nil else {
            try scales.require(Self.floats)
            return nil
        }
        let outer = try tensors.require("\(name).nested_absmax", for: name), table = try tensors.require("\(name).nested_quant_map", for: name)
        guard let nested = state.nested else {
            throw scales.malformed("its scales are quantized, but the description of \"\(name)\" has no nested_blocksize and nested_offset")
        }
        try scales.require([.u8])
        try outer.require(Self.floats)
        guard outer.elementCount == (blocks - 1) / nested.blockSize + 1 else {
            throw outer.malformed("it has \(outer.elementCount) elements, but \(blocks) scales are in blocks of \(nested.blockSize)")
        }
        return .init(scales: outer, table: try Self.table(table, 256, tensors), tableTensor: table, blockSize: nested.blockSize, offset: nested.offset)
    }

    private static func table(_ tensor: StoredTensor, _ count: Int, _ tensors: StoredTensors) throws -> [Float] {
        try tensor.require(floats)
        guard tensor.elementCount == count else { throw tensor.malformed("it has \(tensor.elementCount) values, but \(count) are expected") }
        return try ElementConversion.floats(tensors.bytes(0..<count * tensor.dtype.blockBytes, of: tensor), as: tensor.dtype)
    }
}

/// The description of a weight in 4 bits.
private struct QuantState {
    let shape: [Int]
    let dtype: DType
    let blockSize: Int
    let nested: (blockSize: Int, offset: Float)?

    private static let maximumBytes = 1 << 16

    init(_ tensor: StoredTensor, _ kind: String, _ tensors: StoredTensors) throws {
        try tensor.require([.u8])
        guard tensor.elementCount <= Self.maximumBytes else { throw tensor.malformed("it has \(tensor.elementCount) bytes, too many for a description") }
        let value: JSONValue
        do {
            value = try JSONValue(parsing: tensors.bytes(0..<tensor.elementCount, of: tensor), section: "JSON", takingNonFinite: true)
        } catch let error as QAMError {
            throw tensor.malformed("it is not the JSON that describes a quantized weight: \(error.message)")
        }
        let state = QuantizationParameters(value, place: "it")
        do {
            guard case .object = value else { throw tensor.malformed("it is not a JSON object") }
            if let stated = try state.text("quant_type"), stated != kind { throw tensor.malformed("it says quant_type \"\(stated)\"") }
            guard let blockSize = try state.count("blocksize", in: 1...1 << 20) else { throw tensor.malformed("it says no blocksize") }
            guard let shape = try state.counts("shape"), (1...8).contains(shape.count) else { throw tensor.malformed("it says no shape") }
            let name = try state.text("dtype") ?? "float32"
            guard let dtype = PlainWeight.types[name] else { throw tensor.malformed("it says dtype \"\(name)\"") }
            (self.shape, self.dtype, self.blockSize) = (shape, dtype, blockSize)
            nested = try state.count("nested_blocksize", in: 1...1 << 20).map { ($0, try Self.offset(state, tensor)) }
        } catch var error as QAMError {
            error.place.tensor = tensor.name
            throw error
        }
    }

    private static func offset(_ state: QuantizationParameters, _ tensor: StoredTensor) throws -> Float {
        switch state["nested_offset"] {
        case .number(let offset)?: return Float(offset)
        case .integer(let offset)?: return Float(offset)
        default: throw tensor.malformed("it says no nested_offset")
        }
    }
}
