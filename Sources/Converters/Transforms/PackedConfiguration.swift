import Architectures
import QAMFormat

/// The member of config.json by which transformers knows that a folder's weights are packed. It belongs to the folder, not to the model: packing adds it,
/// and unpacking removes it, with every other byte as it was.
enum PackedConfiguration {
    private static let key = "quantization_config"
    private static let method = "qamw"
    private static let member = Array("\"\(key)\": {\"quant_method\": \"\(method)\"}, ".utf8)
    /// Larger files are no configuration.
    private static let maximumBytes = 16 << 20

    /// config.json with the member; every other file, one that describes other quantized weights, and one that is no JSON object with members, as it is.
    static func added(to file: any EmbeddedFile) throws -> any EmbeddedFile {
        guard let (bytes, config) = try content(of: file), config[key] == nil, case .object(let members) = config, !members.isEmpty,
            let first = bytes.firstIndex(of: UInt8(ascii: "\""))
        else { return file }
        return MadeFile(name: file.name, bytes: bytes[..<first] + member + bytes[first...])
    }

    /// config.json without the member, if it is there; every other file as it is.
    static func removed(from file: any EmbeddedFile) throws -> any EmbeddedFile {
        guard let (bytes, config) = try content(of: file), case .string(method)? = config[key]?["quant_method"] else { return file }
        return MadeFile(name: file.name, bytes: try JSONMemberRemoval.removing(from: bytes) { $0 == [key] })
    }

    private static func content(of file: any EmbeddedFile) throws -> (bytes: [UInt8], config: JSONValue)? {
        guard file.name == ModelConfig.name, file.byteCount <= maximumBytes else { return nil }
        let bytes = try file.read(0..<file.byteCount)
        guard let config = try? JSONValue(parsing: bytes, section: "JSON", takingNonFinite: true) else { return nil }
        return (bytes, config)
    }
}
