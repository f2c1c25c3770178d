import Architectures
internal import QAMFormat

/// Finds E[g gT] of matrices' outputs in a calibration file.
///
/// Unlike the statistics of inputs, these depend on the order of a matrix's rows. Conversions between Hugging Face and GGUF permute the rows of queries and
/// keys of llama and mistral, but names do not identify the architecture: that takes the model's metadata.
struct OutputHessians: Sendable {
    /// The location of a matrix's hessians.
    struct Place: Sendable {
        var tensor: Int
        /// The number of outputs.
        var count: Int
        /// The stored row and column of each output, if they differ from the matrix's order.
        var order: [Int]?
    }

    /// The Hugging Face counterparts of the model's matrices; nil if only names are known.
    var counterparts: HuggingFaceCounterparts?
    private let places: [String: Place]

    /// - Throws: `QAMError.malformed` for tensors that are not square or not F32, or two for the same matrix.
    init(_ tensors: [TensorDescriptor]) throws {
        var places: [String: Place] = [:]
        let ending = CalibrationLayout.name("", .outputHessian)
        for (index, tensor) in tensors.enumerated() where tensor.name.hasSuffix(ending) {
            guard tensor.shape.count == 2, tensor.shape[0] == tensor.shape[1], tensor.shape[0] > 0, tensor.storage == .raw(.f32) else {
                throw QAMError(.malformed, "the Hessian of the outputs is not a square F32 matrix", at: .init(tensor: tensor.name))
            }
            let matrix = String(tensor.name.dropLast(ending.count))
            guard Self.names(of: matrix).allSatisfy({ places[$0] == nil }) else {
                throw QAMError(.malformed, "a matrix has two Hessians of its outputs", at: .init(tensor: tensor.name))
            }
            places[matrix] = Place(tensor: index, count: tensor.shape[0])
        }
        self.places = places
    }

    /// The location of a matrix's hessians; nil if no tensor certainly has them. O(outputs) if they are in another order.
    func place(of matrix: String) -> Place? {
        if let place = Self.names(of: matrix).lazy.compactMap({ places[$0] }).first { return place }
        guard let counterpart = counterparts?[matrix], var place = places[counterpart.name] else { return nil }
        switch counterpart.difference {
        case .none: return place
        case .interleaved(let heads):
            guard let order = HeadPermutation(heads: heads, .toInterleaved).order(rows: place.count) else { return nil }
            place.order = order
            return place
        case .values: return nil
        }
    }

    /// A matrix's name, and its names in the other format if the rows have the same order there.
    private static func names(of matrix: String) -> [String] {
        [matrix]
            + CalibrationFile.names.flatMap { names in [names.match(huggingFace: matrix), names.match(gguf: matrix)] }.compactMap { match in
                if case .some(.none) = match?.rule.change { match?.name } else { nil }
            }
    }
}
