package import QAMFormat

/// How one tensor is to be quantized.
package struct QuantizationChoice: Hashable, Sendable {
    package var code: Code
    /// The largest block of the rotation, if the code has one: a power of two from 2 to 32,768. The actual block is smaller if it does not divide the columns.
    package var blockSizeCap: Int
    /// The seed of the rotation's signs. Tensors that read the same activation share it.
    package var seed: UInt64
    /// A positive factor for each column, larger for more precision, or nil.
    package var channelScales: [Float]?
    /// Which targets the coding errors adjust.
    package var feedback: Feedback

    package enum Feedback: String, Hashable, Sendable {
        /// Nothing.
        case off
        /// Later columns, by the Hessian of its input.
        case columns
        /// Also later rows, by the Hessian of its outputs.
        case columnsAndRows

        /// The most that a calibration allows for this tensor.
        package init(_ calibration: CalibrationFile, for tensor: TensorDescriptor) {
            guard let input = calibration.input(of: tensor), calibration.hasHessian(of: input) else {
                self = .off
                return
            }
            self = calibration.outputCount(of: tensor.name) == tensor.rows && tensor.shape.count == 2 ? .columnsAndRows : .columns
        }
    }

    package init(
        _ code: Code, blockSizeCap: Int = 1024, seed: UInt64, channelScales: [Float]? = nil, feedback: Feedback = .off
    ) {
        self.code = code
        self.blockSizeCap = blockSizeCap
        self.seed = seed
        self.channelScales = channelScales
        self.feedback = feedback
    }
}

/// Which tensors of a source are quantized and how: choices by tensor index. Tensors without one are left unchanged.
package struct QuantizationPlan: Hashable, Sendable {
    package var choices: [Int: QuantizationChoice]
    /// Whether row gains are refitted to the codewords by least squares; nil for each code's default.
    package var refit: Bool?
    /// What the search for codes may cost.
    package var effort: Effort

    package init(choices: [Int: QuantizationChoice], refit: Bool? = nil, effort: Effort = .normal) {
        self.choices = choices
        self.refit = refit
        self.effort = effort
    }

    /// Why this tensor cannot be quantized with codes of a family, or at all; nil if it can.
    package static func obstacle(_ descriptor: TensorDescriptor, to family: Code.Family?) -> String? {
        switch descriptor.storage {
        case .alias: return "another name for a tensor"
        case .coded: return "quantized already"
        case .unreadable(let reason): return "of an unknown \(reason)"
        case .raw(let dtype) where !DType.floating.contains(dtype): return "type \(dtype.name) is not floating-point"
        case .raw: break
        }
        if descriptor.shape.count < 2 { return descriptor.shape.isEmpty ? "scalar" : "one-dimensional" }
        if descriptor.elementCount == 0 { return "empty" }
        if let family, !family.fits(columns: descriptor.columns) { return "\(descriptor.columns) columns have no power-of-two factor" }
        if descriptor.columns > CodecRegistry.maximumColumns { return "rows of \(descriptor.columns) are too long" }
        return nil
    }

    /// A string that differs for plans that give different bytes.
    var fingerprint: String {
        let parts = choices.sorted { $0.key < $1.key }.map { tensor, choice in
            let scales = (choice.channelScales ?? []).flatMap { scale in
                stride(from: UInt32(0), to: 32, by: 8).map { UInt8(truncatingIfNeeded: scale.bitPattern >> $0) }
            }
            let scaling = scales.isEmpty ? "" : "/scales \(XXH3.hash(scales))"
            return
                "\(tensor):\(choice.code.family.name)/\(choice.code.bits)/\(choice.blockSizeCap)/\(choice.seed)\(scaling)\(choice.feedback == .off ? "" : "/\(choice.feedback.rawValue)")"
        }
        let refit = refit.map { " refit \($0)" } ?? ""
        return "quantize \(effort.rawValue)\(refit) \(parts.joined(separator: ","))"
    }
}
