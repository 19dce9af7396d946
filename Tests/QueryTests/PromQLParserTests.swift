import Testing

@testable import Query

@Suite struct PromQLParserTests {
    @Test(arguments: [
        ("up", "__name__=up"),
        (" up # comment\n", "__name__=up"),
        ("(up)", "__name__=up"),
        ("up{}", "__name__=up"),
        ("job:rate5m:sum", "__name__=job:rate5m:sum"),
        (#"up{job="api"}"#, "__name__=up job=api"),
        (#"up{job="api",}"#, "__name__=up job=api"),
        (#"up{a!="1", b=~"x.*", c!~'y|z'}"#, "__name__=up a!=1 b=~x.* c!~y|z"),
        (#"{__name__="up"}"#, "__name__=up"),
        (#"{__name__=~"up|down"}"#, "__name__=~up|down"),
        (#"{"http.requests"}"#, "__name__=http.requests"),
        (#"{"http.requests", "k8s.pod"="x"}"#, "__name__=http.requests k8s.pod=x"),
        (#"sum{by="x", on="y", nan="z"}"#, "__name__=sum by=x on=y nan=z"),
        ("rate", "__name__=rate"),
        ("start", "__name__=start"),
        (#"{job=~".+"}"#, "job=~.+"),
        (#"{job!=""}"#, "job!="),
        (#"{a="", job="x"}"#, "a= job=x"),
        (#"x{a="q\"\\\n\x41\u00e9\U0001F600\101"}"#, "__name__=x a=q\"\\\nAé😀A"),
        (#"x{a='it\'s "'}"#, "__name__=x a=it's \""),
        ("x{a=`\\d+\\n`}", "__name__=x a=\\d+\\n"),
    ])
    func readsSelectors(query: String, matchers: String) throws {
        let expression = try PromQLExpression(parsing: query)
        guard case .vectorSelector(let found) = expression else {
            Issue.record("\(query) was read as \(expression)")
            return
        }
        #expect(found.map { "\($0.name)\($0.kind.rawValue)\($0.value)" }.joined(separator: " ") == matchers)
    }

    @Test(arguments: [
        ("up[5m]", 300_000), ("up[1h30m]", 5_400_000), ("up{a=\"b\"}[ 1d ]", 86_400_000), ("up[100ms]", 100),
        ("up[1y2w3d]", (365 + 14 + 3) * 86_400_000), ("up[90]", 90_000), ("up[1.5]", 1500),
    ])
    func readsRanges(query: String, millis: Int64) throws {
        guard case .matrixSelector(_, let range) = try PromQLExpression(parsing: query) else {
            Issue.record("\(query) is not read as a range selector")
            return
        }
        #expect(range == millis)
    }

    @Test(arguments: [
        ("rate(up[5m])", "the function rate is"),
        ("time()", "the function time is"),
        ("sum(up)", "the aggregation operator sum is"),
        ("SUM BY (job, \"a.b\") (up)", "the aggregation operator sum is"),
        ("topk without () (5, up)", "the aggregation operator topk is"),
        ("sum(up) by (job,)", "the aggregation operator sum is"),
        ("\"text\"", "a string literal is"),
        ("-up", "an expression with a unary sign is"),
        ("1 + up", "the binary operator + is"), ("up + -1", "the binary operator + is"),
        ("2 ^ up ^ 2", "the binary operator ^ is"), ("1 == bool 1", "the binary operator == is"),
        ("1 atan2 1", "the binary operator atan2 is"),
        ("vector(time())", "the function vector is"), ("vector(1) + 1", "the binary operator + is"),
        ("-vector(1)", "an expression with a unary sign is"), ("1 offset 5m", "the modifier offset is"),
        ("a / on(job) group_left(x) b", "the binary operator / is"),
        ("a == bool ignoring(x) group_right b", "the binary operator == is"),
        ("a and b or c unless d", "the binary operator or is"),
        ("a atan2 b", "the binary operator atan2 is"),
        ("up offset 5m", "the modifier offset is"), ("up offset -5m", "the modifier offset is"),
        ("up[5m] offset 1h", "the modifier offset is"),
        ("up @ 1700000000", "the modifier @ is"), ("up @ end()", "the modifier @ is"),
        ("rate(up[5m])[1h:1m]", "a subquery is"), ("up[1h:]", "a subquery is"),
        ("histogram_quantile(0.9, sum by (le) (rate(x_bucket[5m])))", "the function histogram_quantile is"),
    ])
    func tellsOtherPromQL(query: String, what: String) throws {
        #expect(try PromQLExpression(parsing: query) == .other(what))
    }

    @Test(arguments: [
        ("", "1:1: parse error: no expression found in input"),
        ("up{", "1:4: parse error: unexpected end of input in label matching, expected a label name or \"}\""),
        ("up{job}", "1:7: parse error: unexpected \"}\" in label matching, expected one of =, !=, =~, !~"),
        ("up{job=api}", "1:8: parse error: unexpected \"api\" in label matching, expected a quoted string"),
        ("up{job==\"a\"}", "1:7: parse error: unexpected \"==\" in label matching, expected one of =, !=, =~, !~"),
        ("up{job=\"a\" x=\"b\"}", "1:12: parse error: unexpected \"x\" in label matching, expected \"}\""),
        ("up{job=\"a}", "1:8: parse error: unterminated quoted string"),
        ("up{job=\"a\nb\"}", "1:8: parse error: unterminated quoted string"),
        ("up{job=\"\\y\"}", "1:9: parse error: unknown escape sequence '\\y'"),
        ("up{job=\"\\xff\"}", "1:8: parse error: the string is not valid UTF-8"),
        ("up{job=\"\\400\"}", "1:9: parse error: an octal escape exceeds \\377"),
        ("up{job=\"\\ud800\"}", "1:9: parse error: an escape sequence is no Unicode character"),
        ("up{a:b=\"x\"}", "1:4: parse error: unexpected \"a:b\" in label matching, expected a label name"),
        ("up{__name__=\"x\"}", "1:4: parse error: the metric name must not be set twice"),
        ("{\"up\", \"down\"}", "1:8: parse error: the metric name must not be set twice"),
        ("{}", "1:1: parse error: vector selector must contain at least one non-empty matcher"),
        ("{job=\"\"}", "1:1: parse error: vector selector must contain at least one non-empty matcher"),
        ("{job=~\".*\"}", "1:1: parse error: vector selector must contain at least one non-empty matcher"),
        ("{job!~\".+\"}", "1:1: parse error: vector selector must contain at least one non-empty matcher"),
        (
            "up{a=~\"(\"}",
            "1:7: parse error: invalid regular expression '(': missing closing ) for the group at character 1"
        ),
        ("up[5x]", "1:4: parse error: bad number or duration syntax: \"5x\""),
        ("up[0s]", "1:4: parse error: duration must be greater than 0"),
        ("up[5m", "1:6: parse error: unexpected end of input in range, expected \"]\""),
        ("up[5m][5m]", "1:8: parse error: ranges only allowed for vector selectors"),
        ("sum(up)[5m]", "1:9: parse error: ranges only allowed for vector selectors"),
        ("up[1m1h]", "1:4: parse error: bad number or duration syntax: \"1m1h\""),
        ("up down", "1:4: parse error: unexpected \"down\""),
        ("up\n  )", "2:3: parse error: unexpected \")\""),
        ("frobnicate(up)", "1:1: parse error: unknown function with name \"frobnicate\""),
        ("sum(", "1:5: parse error: unexpected end of input"),
        ("sum(up", "1:7: parse error: unexpected end of input in call, expected \")\""),
        ("1 +", "1:4: parse error: unexpected end of input"),
        ("up offset", "1:10: parse error: unexpected end of input in offset, expected a duration"),
        ("and", "1:1: parse error: unexpected \"and\""),
        ("up ? down", "1:4: parse error: unexpected character: '?'"),
        ("up{é=\"x\"}", "1:4: parse error: unexpected character: 'é'"),
    ])
    func namesThePlaceOfSyntaxErrors(query: String, message: String) throws {
        let error = #expect(throws: QueryError.self) { try PromQLExpression(parsing: query) }
        #expect(error?.kind == .badData)
        #expect(error?.message == "invalid parameter \"query\": \(message)")
    }

    @Test func limitsLengthAndNesting() {
        let long = String(repeating: "a", count: PromQLExpression.maxBytes + 1)
        #expect(throws: QueryError.self) { try PromQLExpression(parsing: long) }
        let deep = String(repeating: "(", count: 20_000)
        let error = #expect(throws: QueryError.self) { try PromQLExpression(parsing: deep) }
        #expect(error?.message.contains("nested more than 100 deep") == true)
    }

    @Test func selectorsHaveTheirOwnParameterName() throws {
        #expect(
            try PromQLExpression.selector(parsing: "up", parameter: "match[]") == [
                LabelMatcher(.equal, name: "__name__", value: "up")
            ])
        let syntax = #expect(throws: QueryError.self) {
            try PromQLExpression.selector(parsing: "up{", parameter: "match[]")
        }
        #expect(syntax?.message.hasPrefix("invalid parameter \"match[]\": 1:4: parse error") == true)
        let other = #expect(throws: QueryError.self) {
            try PromQLExpression.selector(parsing: "up[5m]", parameter: "match[]")
        }
        #expect(
            other?.message
                == "invalid parameter \"match[]\": it must be a series selector such as up{job=\"api\"}, not 'up[5m]'")
    }
}
