internal import QAMFormat

/// Where a file of calibration statistics has E[g gT] of matrices' outputs.
///
/// Unlike statistics of inputs these depend on the order of a matrix's rows. Conversions between Hugging Face and GGUF change it for the
/// queries and keys of llama and mistral, and the names do not tell those from other architectures'.
struct OutputMoments: Sendable {
    private let tensorOfMatrix: [String: Int]

    /// - Throws: `QAMError.malformed` for tensors that are not square or no F32, or two of the same matrix.
    init(_ tensors: [TensorDescriptor]) throws {
        var tensorOfMatrix: [String: Int] = [:]
        let ending = CalibrationLayout.name("", .outputMoment)
        for (index, tensor) in tensors.enumerated() where tensor.name.hasSuffix(ending) {
            guard tensor.shape.count == 2, tensor.shape[0] == tensor.shape[1], tensor.shape[0] > 0, tensor.storage == .raw(.f32) else {
                throw QAMError(.malformed, "the moments of outputs are no square of F32", at: .init(tensor: tensor.name))
            }
            let matrix = String(tensor.name.dropLast(ending.count))
            guard Self.names(of: matrix).allSatisfy({ tensorOfMatrix[$0] == nil }) else {
                throw QAMError(.malformed, "a matrix has two moments of outputs", at: .init(tensor: tensor.name))
            }
            tensorOfMatrix[matrix] = index
        }
        self.tensorOfMatrix = tensorOfMatrix
    }

    /// The tensor that holds a matrix's moments; nil where there is none that certainly does.
    func tensor(of matrix: String) -> Int? { Self.names(of: matrix).lazy.compactMap { tensorOfMatrix[$0] }.first }

    /// A matrix's name, and those that it has in the other world with its rows in the same order.
    private static func names(of matrix: String) -> [String] {
        [matrix] + CalibrationFile.names.flatMap { names in [names.match(huggingFace: matrix), names.match(gguf: matrix)] }.compactMap { match in
            if case .some(.none) = match?.rule.change { match?.name } else { nil }
        }
    }
}
