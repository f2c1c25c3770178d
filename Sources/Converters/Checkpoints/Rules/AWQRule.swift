import Architectures
import QAMFormat

/// AWQ of AutoAWQ: codes of 4 bits with zero points, in the forms "gemm" and "gemv".
struct AWQRule: DequantizationRule {
    private let parameters: QuantizationParameters
    private let isByRows: Bool
    private let groupSize: Int?

    init(_ parameters: QuantizationParameters) throws {
        self.parameters = parameters
        let key = ["version", "checkpoint_format", "format"].first { parameters[$0] != nil } ?? "version"
        let form = try parameters.text(key)?.lowercased() ?? "gemm"
        guard ["gemm", "gemv"].contains(form) else { throw parameters.unsupported(key, .string(form)) }
        isByRows = form == "gemv"
        // llm-awq's own files have other words.
        if let backend = try parameters.text("backend"), backend.lowercased() == "llm-awq" { throw parameters.unsupported("backend", .string(backend)) }
        for key in ["bits", "w_bit"] {
            if let bits = try parameters.count(key, in: 1...32), bits != 4 { throw parameters.unsupported(key, .init(bits)) }
        }
        if try parameters.bool("zero_point") == false { throw parameters.unsupported("zero_point", false) }
        groupSize = try parameters.groupSize(parameters["group_size"] == nil ? "q_group_size" : "group_size")
    }

    func part(_ tensor: StoredTensor, of tensors: StoredTensors) throws -> CheckpointPart {
        try PackedModule.part(tensor, of: tensors) { module in
            if isByRows { return try byRows(module) }
            return try byColumns(module, tensors.panels)
        }
    }

    private func byColumns(_ module: PackedModule, _ panels: PanelCache) throws -> AWQWeight {
        let (words, zeros, scales) = (module.words, module.zeros, module.scales)
        let groups = scales.rows, (outputs, overflow) = words.columns.multipliedReportingOverflow(by: 8)
        try requireSize(outputs, words.rows, overflow, words)
        try scales.require(shape: [groups, outputs], of: module.weight)
        try zeros.require(shape: [groups, words.columns], of: module.weight)
        let size = try module.groupSize(groupSize, inputs: words.rows, groups: groups, place: parameters.place)
        guard size * groups == words.rows else { throw scales.malformed("it has \(groups) groups of \(size), but \"\(words.name)\" has \(words.rows) inputs") }
        return AWQWeight(name: module.weight, words: words, zeros: zeros, scales: scales, panels: panels)
    }

    private func byRows(_ module: PackedModule) throws -> AWQRowWeight {
        let (words, zeros, scales) = (module.words, module.zeros, module.scales)
        let (inputs, overflow) = words.columns.multipliedReportingOverflow(by: 8)
        try requireSize(words.rows, inputs, overflow, words)
        let size = groupSize ?? inputs, groups = (inputs - 1) / size + 1
        let (width, tooWide) = zeros.columns.multipliedReportingOverflow(by: 8)
        guard !tooWide, width >= groups, zeros.rows == words.rows else {
            throw zeros.malformed("its shape is \(zeros.shape), but \"\(module.weight)\" has \(words.rows) outputs of \(groups) groups")
        }
        try scales.require(shape: [words.rows, width], of: module.weight)
        return AWQRowWeight(name: module.weight, words: words, zeros: zeros, scales: scales, groupSize: size)
    }

    private func requireSize(_ outputs: Int, _ inputs: Int, _ overflow: Bool, _ words: StoredTensor) throws {
        guard !overflow, PlainWeight.elementCount([outputs, inputs]) != nil else {
            throw words.malformed("its shape is too large")
        }
    }
}
