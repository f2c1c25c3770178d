import Architectures
import QAMFormat

/// The quantization described in a checkpoint's configuration: config.json's `quantization_config` or `quantization`, of the model or one
/// of its parts, or ModelOpt's hf_quant_config.json.
struct QuantizationStatement {
    static let modelOptFile = "hf_quant_config.json"
    /// Files that describe nothing but the quantization: ModelOpt's, AutoGPTQ's and AutoAWQ's. The latter two repeat what config.json says.
    static let ownFiles: Set = [modelOptFile, "quantize_config.json", "quant_config.json"]

    /// Nil if the method has no name.
    var method: QuantizationScheme.Method?
    var format: String?
    /// The member and file that describe it.
    var place: String
    var evidence: String
    /// The object that describes it; empty if only a name does.
    var parameters = QuantizationParameters()

    /// Nil if no file describes quantized weights. Ignores files that are not JSON.
    init?(_ files: [any EmbeddedFile]) throws {
        for name in QuantizationScheme.fileNames {
            guard let file = files.first(where: { $0.name == name }), file.byteCount <= 16 << 20 else { continue }
            let bytes = try file.read(0..<file.byteCount)
            guard let config = try? JSONValue(parsing: bytes, section: "JSON", takingNonFinite: true), let found = Self.find(in: config, file: name) else {
                continue
            }
            self = found
            return
        }
        return nil
    }

    private static let keys = ["quantization_config", "quantization", "compression_config"]

    private static func find(in config: JSONValue, file: String, below path: [String] = []) -> QuantizationStatement? {
        guard case .object(let members) = config, path.count < 4 else { return nil }
        for key in keys {
            if let value = config[key], let found = QuantizationStatement(value, path: path + [key], file: file) { return found }
        }
        for member in members where member.key.hasSuffix("_config") && !keys.contains(member.key) {
            if let found = find(in: member.value, file: file, below: path + [member.key]) { return found }
        }
        return nil
    }

    /// `value` is the member at `path`.
    private init?(_ value: JSONValue, path: [String], file: String) {
        let key = path.joined(separator: ".")
        func statement(_ member: String?, _ value: JSONValue) -> String {
            "\(file) says \([key, member].compactMap(\.self).joined(separator: ".")) = \(JSONWriter.text(value))"
        }
        place = file == Self.modelOptFile ? file : "\"\(key)\" from \(file)"
        if case .string(let name) = value, Self.isName(name) {
            (method, evidence) = (.init(named: name), statement(nil, value))
            return
        }
        guard case .object = value, !Self.leavesWeights(value) else { return nil }
        format = Self.format(value)
        parameters = QuantizationParameters(value, place: "\(file), \(key)")
        if case .string(let name)? = value["quant_method"], Self.isName(name) {
            (method, evidence) = (.init(named: name), statement("quant_method", value["quant_method"] ?? .null))
        } else if let algorithm = value["quant_algo"] {
            (method, evidence) = (.modelOpt, statement("quant_algo", algorithm))
        } else if let flag = ["load_in_4bit", "load_in_8bit"].first(where: { value[$0] == true }) {
            (method, evidence) = (.bitsandbytes, statement(flag, true))
        } else if value["bits"] != nil, let size = value["group_size"] {
            (method, evidence) = (.mlx, statement("group_size", size))
        } else if path.last != "quantization", value != [:] {
            (method, evidence) = (nil, "\(file) has \(key)")
        } else {
            return nil
        }
    }

    /// A side file without the members that describe the quantization, of the model and its parts; every other byte is kept. What is not
    /// JSON is unchanged.
    static func removed(from file: any EmbeddedFile) throws -> any EmbeddedFile {
        guard file.name == ModelConfig.name else { return file }
        let bytes = try file.read(0..<file.byteCount)
        let kept = try? JSONMemberRemoval.removing(from: bytes) { path in
            path.last.map(keys.contains) == true && path.dropLast().allSatisfy { $0.hasSuffix("_config") && !keys.contains($0) }
        }
        guard let kept else { return file }
        return kept == bytes ? file : MadeFile(name: file.name, bytes: kept)
    }

    private static func isName(_ text: String) -> Bool { !text.isEmpty && text.lowercased() != "none" }

    /// Whether the configuration leaves weights unquantized: bitsandbytes with everything disabled, ModelOpt and compressed-tensors for the
    /// key-value cache only, no method.
    private static func leavesWeights(_ value: JSONValue) -> Bool {
        if value["load_in_4bit"] == false, (value["load_in_8bit"] ?? value["_load_in_8bit"]) == false { return true }
        if value["config_groups"] == [:] { return true }
        switch value["quant_method"] {
        case .null?: return true
        case .string(let name)? where !isName(name): return true
        default: break
        }
        guard let algorithm = value["quant_algo"] else { return false }
        if case .string(let name) = algorithm { return !isName(name) }
        return algorithm == .null
    }

    private static func format(_ value: JSONValue) -> String? {
        func text(_ keys: String...) -> String? {
            for key in keys {
                switch value[key] {
                case .string(let text)?: return text
                case .integer(let number)?: return String(number)
                default: continue
                }
            }
            return nil
        }
        var parts: [String] = []
        if let name = text("format", "quant_algo", "fmt", "mode") { parts.append(name) }
        if let bits = text("bits", "w_bit", "nbits") { parts.append("\(bits) bits") }
        if value["load_in_8bit"] == true { parts.append("8 bits") }
        if value["load_in_4bit"] == true { parts += ["4 bits", text("bnb_4bit_quant_type")].compactMap(\.self) }
        if let size = text("group_size", "q_group_size"), !size.hasPrefix("-") { parts.append("groups of \(size)") }
        if case .array(let sides)? = value["weight_block_size"] { parts.append("blocks of \(sides.map { JSONWriter.text($0) }.joined(separator: " x "))") }
        return parts.isEmpty ? nil : parts.joined(separator: ", ")
    }
}
