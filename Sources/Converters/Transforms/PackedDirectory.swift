import Architectures
internal import QAMFormat

/// The description of a packed model, as JSON in one metadata string:
///
///     {"version": 3, "options": {KEY: TEXT, ...}, "codebooks": [CODEC, ...], "seeds": COUNT, "files": [NAME, ...], "roles"?: {NAME: ROLE, ...},
///      "tensors": [{"name", "shape", "dtype": ID}                                         raw
///                  {"name", "shape", "alias": NAME}                                       another name
///                  {"name", "shape", "codec", "sourceType"?: ID, "codebook"?, "seed"?,     coded
///                   "parameters": HEX, "streams": [{"role", "row": BYTES} or {"role", "group": BYTES, "rows": COUNT} or
///                                                       {"role", "whole": BYTES}, ...]}, ...]}
///
/// Types are ids of the .qamw directory. `files` names the embedded files that are stored as tensors.
struct PackedDirectory: Hashable {
    struct Role: Hashable {
        var file: String
        var role: EmbeddedFileRole
    }

    struct Option: Hashable {
        var key: String
        var value: String
    }

    static let version = 3

    var options: [Option] = []
    /// The codec of each codebook, whose bytes are a tensor.
    var codebooks: [CodecID] = []
    var seedCount = 0
    var files: [String] = []
    /// Roles of embedded files that differ from those implied by their names.
    var roles: [Role] = []
    var tensors: [TensorDescriptor] = []

    var json: String {
        var writer = JSONWriter()
        writer.object { writer in
            writer.key("version")
            writer.integer(Self.version)
            writer.key("options")
            writer.object { writer in
                for option in options {
                    writer.key(option.key)
                    writer.string(option.value)
                }
            }
            writer.key("codebooks")
            writer.array { writer in for codec in codebooks { writer.integer(codec.rawValue) } }
            writer.key("seeds")
            writer.integer(seedCount)
            writer.key("files")
            writer.array { writer in for file in files { writer.string(file) } }
            if !roles.isEmpty {
                writer.key("roles")
                writer.object { writer in
                    for role in roles {
                        writer.key(role.file)
                        writer.integer(role.role.rawValue)
                    }
                }
            }
            writer.key("tensors")
            writer.array { writer in for tensor in tensors { write(tensor, &writer) } }
        }
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    private func write(_ tensor: TensorDescriptor, _ writer: inout JSONWriter) {
        writer.object { writer in
            writer.key("name")
            writer.string(tensor.name)
            writer.key("shape")
            writer.array { writer in for dimension in tensor.shape { writer.integer(dimension) } }
            switch tensor.storage {
            case .raw(let dtype):
                writer.key("dtype")
                writer.integer(dtype.id)
            case .alias(let target):
                writer.key("alias")
                writer.string(tensors[target].name)
            case .coded(let coding):
                write(coding, &writer)
            case .unreadable: break
            }
        }
    }

    private func write(_ coding: Coding, _ writer: inout JSONWriter) {
        writer.key("codec")
        writer.integer(coding.codec.rawValue)
        if let sourceType = coding.sourceType {
            writer.key("sourceType")
            writer.integer(sourceType.id)
        }
        if let codebook = coding.codebook {
            writer.key("codebook")
            writer.integer(codebook)
        }
        if let seed = coding.seed {
            writer.key("seed")
            writer.integer(seed)
        }
        writer.key("parameters")
        writer.string(coding.parameters.map { String(UInt16($0) | 0x100, radix: 16).dropFirst() }.joined())
        writer.key("streams")
        writer.array { writer in
            for stream in coding.streams {
                writer.object { writer in
                    writer.key("role")
                    writer.integer(stream.role.rawValue)
                    switch stream.extent {
                    case .perRows(1, let bytes):
                        writer.key("row")
                        writer.integer(bytes)
                    case .perRows(let count, let bytes):
                        writer.key("group")
                        writer.integer(bytes)
                        writer.key("rows")
                        writer.integer(count)
                    case .whole(let bytes):
                        writer.key("whole")
                        writer.integer(bytes)
                    }
                }
            }
        }
    }
}
