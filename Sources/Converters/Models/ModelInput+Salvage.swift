package import QAMFormat

extension ModelInput {
    /// The model without the tensors and embedded files that verifying has found damaged, and without other names of those tensors; and a warning for each.
    ///
    /// Tensors are left out as a whole: zeros in the place of lost rows would look like weights.
    ///
    /// - Throws: the first problem that is not of a tensor's or file's payload, without which nothing can be told to be sound.
    package func salvaged(_ report: VerifyReport) throws -> (model: ModelInput, warnings: [String]) {
        let payload = [SectionName.raw, .symbols, .scales, .files].map(\.rawValue)
        var lost: [ExactName: [QAMError]] = [:], lostFiles: Set<ExactName> = [], warnings: [String] = []
        for problem in report.problems {
            guard let section = problem.place.section, payload.contains(section) else { throw problem.inFile(path) }
            // Padding belongs to nothing.
            guard let name = problem.place.tensor else { continue }
            if section == SectionName.files.rawValue {
                if lostFiles.insert(ExactName(name)).inserted { warnings.append("the file \"\(name)\" is damaged and left out") }
            } else {
                lost[ExactName(name), default: []].append(problem)
            }
        }
        var items: [SelectingSource.Item] = [], places: [Int: Int] = [:]
        func isLost(_ tensor: Int) -> Bool {
            if case .alias(let target) = stored.tensors[tensor].storage { return isLost(target) }
            return lost[ExactName(stored.tensors[tensor].name)] != nil
        }
        for (index, tensor) in stored.tensors.enumerated() {
            guard !isLost(index) else {
                let problems = lost[ExactName(tensor.name)] ?? []
                let rows = problems.compactMap(\.place.rows).map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound) to \($0.upperBound - 1)" }
                let detail = problems.isEmpty ? "another name of a damaged one" : rows.isEmpty ? "damaged" : "damaged in rows \(rows.joined(separator: ", "))"
                warnings.append("tensor \"\(tensor.name)\" is \(detail) and left out")
                continue
            }
            places[index] = items.count
            items.append(.init(tensor, .base(index)))
        }
        for index in items.indices {
            if case .alias(let target) = items[index].descriptor.storage, let place = places[target] { items[index].descriptor.storage = .alias(of: place) }
        }
        var model = self
        model.stored = SelectingSource(
            stored, items: items, metadata: stored.metadata, files: stored.files.filter { !lostFiles.contains(ExactName($0.name)) })
        return (model, warnings)
    }
}
