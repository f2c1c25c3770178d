package import QAMFormat

extension Quantizer {
    /// About how many seconds it takes to code a model, measured on a small sample for each code.
    ///
    /// - Parameter speed: multiplications and additions per second, on all threads.
    /// - Throws: as `plan`.
    package func codingSeconds(for source: any TensorSource, speed: Double) throws -> Double {
        let choices = try PlanBuilder(self, source).choices
        var secondsPerWeight: [Code: Double] = [:], seconds = 0.0
        for (tensor, choice) in choices.choices {
            let each = try secondsPerWeight[choice.code] ?? GaussianReference.secondsPerWeight(choice.code, effort: choices.effort)
            secondsPerWeight[choice.code] = each
            let descriptor = source.tensors[tensor], rows = Double(descriptor.rows), columns = Double(descriptor.columns), weights = rows * columns
            seconds += weights * each / Double(options.threads)
            guard choice.feedback != .off else { continue }
            // The factors, in double precision, and the triangles that errors are fed through.
            let factors = columns * columns * columns + (choice.feedback == .columnsAndRows ? rows * rows * rows : 0)
            let fed = columns + (choice.feedback == .columnsAndRows ? rows : 0)
            seconds += (2 * factors / 3 + weights * fed / 2) / speed + weights * each / Double(options.threads)
        }
        return seconds
    }
}
