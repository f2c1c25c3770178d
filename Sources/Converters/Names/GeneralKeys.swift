import Architectures
import QAMFormat

/// GGUF's general metadata.
package enum GeneralKeys {
    static let name = "general.name"
    static let sizeLabel = "general.size_label"

    /// The name in config.json, else that of the model's folder or .qamw file; of a snapshot in the Hub's cache that of its model.
    static func name(of source: any TensorSource, _ config: ModelConfig) -> String {
        if let path = try? config.text("_name_or_path"), !Path.name(of: path).isEmpty { return Path.name(of: path) }
        return name(of: source)
    }

    /// The name of the folder or .qamw file.
    static func name(of source: any TensorSource) -> String {
        let path = source.inputs.first ?? ""
        let file = Path.name(of: path)
        let folder = Path.folder(of: path)
        let stem = file.hasSuffix(".qamw") ? String(file.dropLast(5)) : HubCache.modelName(ofSnapshot: folder) ?? Path.name(of: folder)
        return [".", "..", ""].contains(stem) ? "model" : stem
    }

    /// The number of weights in other converters' format: at least two digits, with K, M, B or T.
    package static func sizeLabel(parameters: Int) -> String {
        let units: [(limit: Double, suffix: String)] = [(1e12, "T"), (1e9, "B"), (1e6, "M"), (-1, "K")]
        let count = Double(parameters)
        let unit = units.first { count > $0.limit } ?? (1, "")
        let scaled = count / (unit.suffix == "K" ? 1e3 : unit.limit)
        let whole = scaled.rounded(.toNearestOrEven)
        let digits = whole >= 10 ? 0 : whole >= 1 ? 1 : 2
        var number = String(Int((scaled * [1, 10, 100][digits]).rounded(.toNearestOrEven)))
        if digits > 0 {
            number = String(repeating: "0", count: max(0, digits + 1 - number.count)) + number
            number.insert(".", at: number.index(number.endIndex, offsetBy: -digits))
        }
        return number + unit.suffix
    }

    /// Whether a key of GGUF's general metadata has no equivalent or meaning in other formats.
    static func isOfGGUF(_ key: String) -> Bool {
        [
            ModelNames.architectureKey, "general.type", name, sizeLabel, "general.file_type", "general.quantization_version", "general.alignment",
        ].contains(key)
    }
}
