internal import QAMFormat

/// SentencePiece's BPE keeps scores, Hugging Face's keeps merges. Each follows from the other.
enum PieceMerges {
    /// All pairs of pieces that make a piece, those with the highest score first, as Hugging Face's converter orders
    /// them: within one score the longer left parts first, then the longer right ones, then by ids.
    ///
    /// As many merges as ways to cut the tokens. Throws `limitExceeded` where they have more than 64 times the tokens' bytes,
    /// which takes long tokens within one another; so time and memory are about linear in the tokens' bytes.
    static func merges(_ tokens: [Tokenizer.Token], _ index: PieceIndex) throws -> [Tokenizer.Merge] {
        struct Split {
            var left: Int, right: Int, leftLength: Int, rightLength: Int, whole: Int
            var key: (Int, Int, Int, Int, Int) { (-leftLength, -rightLength, whole, left, right) }
        }
        let order = tokens.indices.sorted { (tokens[$1].score, $0) < (tokens[$0].score, $1) }
        var merges: [Tokenizer.Merge] = []
        var group: [Split] = []
        var room = 64 * tokens.reduce(0) { $0 + $1.text.utf8.count }
        for (position, id) in order.enumerated() {
            // Padding is no piece of the tokenizer's.
            if !tokens[id].isPadding(at: id) {
                let byteCount = tokens[id].text.utf8.count
                index.splits(of: id) { left, right, leftLength, rightLength in
                    room -= byteCount
                    if room >= 0 { group.append(Split(left: left, right: right, leftLength: leftLength, rightLength: rightLength, whole: id)) }
                }
                guard room >= 0 else {
                    throw QAMError(
                        .limitExceeded, "the tokens can be joined from one another in too many ways",
                        at: .init(section: "tokenizer.ggml.tokens"))
                }
            }
            let isLast = position + 1 == order.count || tokens[order[position + 1]].score != tokens[id].score
            guard isLast else { continue }
            group.sort { $0.key < $1.key }
            for split in group {
                merges.append(Tokenizer.Merge(left: tokens[split.left].text, right: tokens[split.right].text))
            }
            group.removeAll(keepingCapacity: true)
        }
        return merges
    }

    /// Scores under which SentencePiece joins what the merges join: minus the place of the first merge that makes the
    /// piece, counted in pieces, which is what SentencePiece's trainer writes. Pieces that no merge makes follow in the
    /// order of their ids: for Llama 2's tokenizer.json, the scores of its tokenizer.model. Tokens of other types than `normal`
    /// take no part and get 0.
    ///
    /// Throws `malformed` where a merge makes no token. Also gives the number of tokens that can be cut into two other tokens
    /// though no merge says so: SentencePiece would join them nevertheless.
    static func scores(
        _ merges: [Tokenizer.Merge], _ tokens: [Tokenizer.Token], _ index: PieceIndex
    ) throws -> (scores: [Float], unlisted: Int) {
        var ranks = [Int](repeating: -1, count: tokens.count)
        var listed = [Int](repeating: 0, count: tokens.count)
        var next = 0
        var text: [UInt8] = []
        for (number, merge) in merges.enumerated() {
            text.removeAll(keepingCapacity: true)
            text.append(contentsOf: merge.left.utf8)
            text.append(contentsOf: merge.right.utf8)
            guard let id = index[text.span] else {
                throw QAMError(
                    .malformed, "merge \(number) makes \"\(merge.left)\(merge.right)\", which is no token",
                    at: .init(file: TokenizerFiles.Name.tokenizer.rawValue))
            }
            listed[id] += 1
            guard ranks[id] < 0, tokens[id].type == .normal else { continue }
            ranks[id] = next
            next += 1
        }
        for id in tokens.indices where ranks[id] < 0 && tokens[id].type == .normal {
            ranks[id] = next
            next += 1
        }
        var unlisted = 0
        for id in tokens.indices where tokens[id].type == .normal {
            var cuts = 0
            index.splits(of: id) { _, _, _, _ in cuts += 1 }
            if cuts > listed[id] { unlisted += 1 }
        }
        return (ranks.map { Float(-max($0, 0)) }, unlisted)
    }
}
