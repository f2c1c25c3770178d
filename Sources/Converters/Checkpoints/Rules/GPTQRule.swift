import Architectures
import QAMFormat

/// GPTQ of AutoGPTQ and GPTQModel: codes of 2, 3, 4 or 8 bits in words along the inputs, formats 1 and 2, with or without an order by activations.
struct GPTQRule: DequantizationRule {
    private let parameters: QuantizationParameters
    private let bits: Int?
    private let groupSize: Int?
    private let hasOrder: Bool
    private let isSymmetric: Bool?
    private let zeroPoints: GPTQWeight.ZeroPoints
    /// Whether single modules may have other parameters than the rest.
    private let hasExceptions: Bool
    private let doubt: String?

    private static let widths = [2, 3, 4, 8]

    init(_ parameters: QuantizationParameters) throws {
        self.parameters = parameters
        for key in ["checkpoint_format", "format"] {
            guard let format = try parameters.text(key) else { continue }
            guard ["gptq", "gptq_v2"].contains(format.lowercased()) else { throw parameters.unsupported(key, .string(format)) }
        }
        if try parameters.bool("is_marlin_format") == true { throw parameters.unsupported("is_marlin_format", true) }
        bits = try parameters.count("bits", in: 1...32)
        if let bits, !Self.widths.contains(bits) { throw parameters.unsupported("bits", .init(bits)) }
        groupSize = try parameters.groupSize("group_size")
        hasOrder = try parameters.bool("desc_act") ?? false
        isSymmetric = try parameters.bool("sym")
        hasExceptions = parameters["dynamic"] != nil || parameters["extra_config"] != nil
        let isSecond = try (parameters.text("checkpoint_format") ?? parameters.text("format"))?.lowercased() == "gptq_v2"
        let isByModel = Self.isWrittenByGPTQModel(parameters)
        zeroPoints = isSecond ? .plain : isByModel ? .oneLessByWord : .oneLess
        doubt =
            isSecond || isByModel || isSymmetric != false
            ? nil
            : "\(parameters.place) says sym = false in the format gptq, which loses zero points of 0 and changes others beside them: such weights are read as "
                + "AutoGPTQ reads them; the format gptq_v2 keeps them"
    }

    /// Whether `meta.quantizer` names GPTQModel.
    private static func isWrittenByGPTQModel(_ parameters: QuantizationParameters) -> Bool {
        switch parameters["meta"]?["quantizer"] {
        case .string(let name)?: return name.hasPrefix("gptqmodel")
        case .array(let names)?: return names.contains { if case .string(let name) = $0 { name.hasPrefix("gptqmodel") } else { false } }
        default: return false
        }
    }

    func part(_ tensor: StoredTensor, of tensors: StoredTensors) throws -> CheckpointPart {
        try PackedModule.part(tensor, of: tensors) { try weight($0, tensors) }
    }

    private func weight(_ module: PackedModule, _ tensors: StoredTensors) throws -> GPTQWeight {
        let (words, zeros, scales) = (module.words, module.zeros, module.scales)
        let outputs = words.columns, groups = scales.rows
        try scales.require(shape: [groups, outputs], of: module.weight)
        guard zeros.rows == groups else { throw zeros.malformed("its shape is \(zeros.shape), but \"\(scales.name)\" has \(groups) groups") }
        let (bits, inputs) = try layout(module)
        guard PlainWeight.elementCount([outputs, inputs]) != nil else { throw words.malformed("its shape is too large") }
        if module.groupIndex == nil, hasOrder { _ = try tensors.require("\(words.name.dropLast("qweight".count))g_idx", for: module.weight) }
        // The index says the groups; it may say nothing (see `GPTQWeight`), and then consecutive inputs are one.
        let size: Int
        if module.groupIndex == nil {
            size = try module.groupSize(hasExceptions ? nil : groupSize, inputs: inputs, groups: groups, place: parameters.place)
        } else {
            size = groupSize.flatMap { (inputs - 1) / $0 + 1 == groups ? $0 : nil } ?? (inputs - 1) / groups + 1
        }
        let (code, note) = try storing(of: zeros, bits: bits, outputs: outputs, tensors)
        return GPTQWeight(
            name: module.weight, inputs: inputs, words: words, zeros: zeros, scales: scales, groupIndex: module.groupIndex, groupSize: size, bits: bits,
            zeroPoints: code, note: note, panels: tensors.panels)
    }

    /// The bits of a code and the number of inputs: the only ones that fit the tensors, or, if several do, those that are stated.
    private func layout(_ module: PackedModule) throws -> (bits: Int, inputs: Int) {
        let (words, zeros) = (module.words, module.zeros)
        if let index = module.groupIndex, index.shape.count != 1 || index.elementCount == 0 {
            throw index.malformed("its shape is \(index.shape), but a group for each input is expected")
        }
        let fitting = Self.widths.compactMap { bits -> (bits: Int, inputs: Int)? in
            guard PackedCodes.wordCount(words.columns, bits: bits) == zeros.columns else { return nil }
            guard let index = module.groupIndex else {
                let (total, overflow) = words.rows.multipliedReportingOverflow(by: 32)
                return overflow || total % bits != 0 ? nil : (bits, total / bits)
            }
            return PackedCodes.wordCount(index.elementCount, bits: bits) == words.rows ? (bits, index.elementCount) : nil
        }
        if let stated = fitting.first(where: { $0.bits == bits }) { return stated }
        let shapes =
            "its shape is \(words.shape), that of \"\(zeros.name)\" is \(zeros.shape)"
            + (module.groupIndex.map { ", and that of \"\($0.name)\" is \($0.shape)" } ?? "")
        guard let only = fitting.first, fitting.count == 1 else {
            throw words.malformed("\(shapes), which do not fit words of codes of \(bits.map { "\($0)" } ?? "2, 3, 4 or 8") bits")
        }
        if let bits, !hasExceptions {
            throw words.malformed("\(shapes), as for codes of \(only.bits) bits, but \(parameters.place) says \(bits) bits: it is not that of these tensors")
        }
        return only
    }

    /// How zero points are stored. In a symmetric weight they are all the middle code, which shows the format: some tools name the wrong one.
    private func storing(of zeros: StoredTensor, bits: Int, outputs: Int, _ tensors: StoredTensors) throws -> (GPTQWeight.ZeroPoints, String?) {
        // Codes of 3 bits cross words, and GPTQModel writes their zero points one by one.
        let zeroPoints = bits == 3 && zeroPoints == .oneLessByWord ? .oneLess : zeroPoints
        guard isSymmetric == true else { return (zeroPoints, doubt) }
        let middle = UInt8(1 << (bits - 1)), other = zeroPoints == .plain ? middle - 1 : middle
        let count = min(outputs, 32)
        let bytes = try tensors.bytes(0..<(PackedCodes.wordCount(count, bits: bits) ?? 0) * 4, of: zeros)
        let words = stride(from: 0, to: bytes.count, by: 4).map { place in (0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[place + $1]) << UInt32(8 * $1) } }
        var codes = [UInt8](repeating: 0, count: count)
        unsafe words.withUnsafeBufferPointer { words in
            unsafe codes.withUnsafeMutableBufferPointer { unsafe PackedCodes.unpack(words, bits: bits, into: $0) }
        }
        guard codes.allSatisfy({ $0 == other }) else { return (zeroPoints, doubt) }
        let isPlain = zeroPoints != .plain
        return (
            isPlain ? .plain : .oneLess,
            "\(parameters.place) says the format \(isPlain ? "gptq" : "gptq_v2"), but the zero points of symmetric weights are stored as in "
                + "\(isPlain ? "gptq_v2" : "gptq"), and are read so"
        )
    }
}

extension QuantizationParameters {
    /// A number of inputs; nil for -1, which says all of them, and if nothing is stated.
    func groupSize(_ key: String) throws -> Int? {
        guard let size = try count(key, in: -1...Int(Int32.max)), size != -1 else { return nil }
        guard size > 0 else { throw unsupported(key, 0) }
        return size
    }
}
