internal import QAMFormat

/// The names and carriers of a packed model in a format without coded tensors.
enum PackedNames {
    /// The metadata key of the directory.
    static let directory = "qamw.directory"
    static let seeds = "qamw.seeds"

    static func codebook(_ index: Int) -> String { "qamw.codebooks.\(index)" }
    static func file(_ name: String) -> String { "qamw.files.\(name)" }
    /// The substitute for a name beyond the host's limit (spec section 9).
    static func short(tensor index: Int, _ role: StreamRole? = nil) -> String {
        "qamw.tensors.\(index)\(role.map { ".\($0.name)" } ?? "")"
    }
    static func short(file index: Int) -> String { "qamw.embedded.\(index)" }

    static func stream(_ role: StreamRole, of tensor: String) -> String { "\(tensor).qamw.\(role.name)" }

    /// The plain tensor that stores a stream: per group of rows of the coded tensor a row of bytes, per row one number, or bytes or numbers for the whole
    /// tensor.
    static func carrier(of stream: StreamLayout, in tensor: TensorDescriptor) -> TensorDescriptor {
        let name = self.stream(stream.role, of: tensor.name)
        switch (stream.role, stream.extent) {
        case (.gains, .perRows(1, 2)):
            return TensorDescriptor(name: name, shape: [tensor.rows], storage: .raw(.f16))
        case (.gains, .perRows(1, 4)):
            return TensorDescriptor(name: name, shape: [tensor.rows], storage: .raw(.f32))
        case (.channelScales, .whole(let bytes)) where bytes == 2 * tensor.columns:
            return TensorDescriptor(name: name, shape: [tensor.columns], storage: .raw(.f16))
        case (_, .perRows(let count, let bytes)):
            return TensorDescriptor(name: name, shape: [StreamLayout.groups(tensor.rows, of: count), bytes], storage: .raw(.u8))
        case (_, .whole(let bytes)):
            return TensorDescriptor(name: name, shape: [bytes], storage: .raw(.u8))
        }
    }
}
