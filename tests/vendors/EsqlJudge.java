// Elastic's own ES|QL engine over given tables, without a cluster: parse, analyse, optimise and run the physical plan.
// Question: {query, now (milliseconds), tables: {name: {columns: [[name, type]], rows: [[value]]}}}.
// Answer: {columns: [[name, type]], rows: [[value]]}; a list is a field of several values. What Elastic refuses: refused.
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.apache.lucene.util.BytesRef;
import org.elasticsearch.action.support.PlainActionFuture;
import org.elasticsearch.common.breaker.NoopCircuitBreaker;
import org.elasticsearch.common.logging.LogConfigurator;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.common.unit.ByteSizeValue;
import org.elasticsearch.common.util.BigArrays;
import org.elasticsearch.common.util.concurrent.ThreadContext;
import org.elasticsearch.compute.data.Block;
import org.elasticsearch.compute.data.BlockFactory;
import org.elasticsearch.compute.data.BlockUtils;
import org.elasticsearch.compute.data.Page;
import org.elasticsearch.compute.lucene.DataPartitioning;
import org.elasticsearch.compute.operator.Driver;
import org.elasticsearch.grok.MatcherWatchdog;
import org.elasticsearch.index.IndexMode;
import org.elasticsearch.license.XPackLicenseState;
import org.elasticsearch.xpack.esql.analysis.Analyzer;
import org.elasticsearch.xpack.esql.analysis.AnalyzerContext;
import org.elasticsearch.xpack.esql.analysis.EnrichResolution;
import org.elasticsearch.xpack.esql.analysis.Verifier;
import org.elasticsearch.xpack.esql.core.expression.Attribute;
import org.elasticsearch.xpack.esql.core.expression.FoldContext;
import org.elasticsearch.xpack.esql.core.type.DataType;
import org.elasticsearch.xpack.esql.core.type.EsField;
import org.elasticsearch.xpack.esql.expression.function.EsqlFunctionRegistry;
import org.elasticsearch.xpack.esql.index.EsIndex;
import org.elasticsearch.xpack.esql.index.IndexResolution;
import org.elasticsearch.xpack.esql.inference.InferenceResolution;
import org.elasticsearch.xpack.esql.optimizer.LogicalOptimizerContext;
import org.elasticsearch.xpack.esql.optimizer.LogicalPlanOptimizer;
import org.elasticsearch.xpack.esql.optimizer.PhysicalOptimizerContext;
import org.elasticsearch.xpack.esql.optimizer.PhysicalPlanOptimizer;
import org.elasticsearch.xpack.esql.parser.EsqlParser;
import org.elasticsearch.xpack.esql.plan.logical.EsRelation;
import org.elasticsearch.xpack.esql.plan.logical.LogicalPlan;
import org.elasticsearch.xpack.esql.plan.logical.UnresolvedRelation;
import org.elasticsearch.xpack.esql.plan.logical.local.LocalRelation;
import org.elasticsearch.xpack.esql.plan.logical.local.LocalSupplier;
import org.elasticsearch.xpack.esql.plan.physical.EstimatesRowSize;
import org.elasticsearch.xpack.esql.plan.physical.OutputExec;
import org.elasticsearch.xpack.esql.plan.physical.PhysicalPlan;
import org.elasticsearch.xpack.esql.planner.EsPhysicalOperationProviders;
import org.elasticsearch.xpack.esql.planner.LocalExecutionPlanner;
import org.elasticsearch.xpack.esql.planner.PhysicalSettings;
import org.elasticsearch.xpack.esql.planner.PlannerUtils;
import org.elasticsearch.xpack.esql.planner.mapper.Mapper;
import org.elasticsearch.xpack.esql.plugin.QueryPragmas;
import org.elasticsearch.xpack.esql.session.Configuration;
import org.elasticsearch.xpack.esql.telemetry.Metrics;
import org.elasticsearch.xpack.esql.type.EsqlDataTypeConverter;

@SuppressWarnings("unchecked")
public class EsqlJudge {
    static final BigArrays ARRAYS = BigArrays.NON_RECYCLING_INSTANCE;
    static final BlockFactory BLOCKS = BlockFactory.getInstance(new NoopCircuitBreaker("judge"), ARRAYS);
    static final int MOST_ROWS = 10_000;

    public static void main(String[] arguments) throws Exception {
        // Only answers on the standard output; what the libraries log there goes to the error output.
        PrintStream answers = new PrintStream(new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8);
        System.setOut(System.err);
        LogConfigurator.configureESLogging();
        ObjectMapper json = new ObjectMapper();
        BufferedReader input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = input.readLine(); line != null; line = input.readLine()) {
            Map<String, Object> reply;
            try {
                reply = Map.of("answer", run(json.readValue(line, Map.class)));
            } catch (Exception | LinkageError | AssertionError error) {
                reply = Map.of("refused", error.getClass().getSimpleName() + ": " + error.getMessage());
            }
            answers.println(json.writeValueAsString(reply));
        }
        System.exit(0);
    }

    static Map<String, Object> run(Map<String, Object> question) throws Exception {
        String query = (String) question.get("query");
        Map<String, Map<String, Object>> tables = (Map<String, Map<String, Object>>) question.get("tables");
        Configuration configuration = new Configuration(
            ZoneOffset.UTC, Locale.US, "", "", QueryPragmas.EMPTY, MOST_ROWS, MOST_ROWS, query, false, Map.of(), 0, false);
        at(configuration, ((Number) question.get("now")).longValue());
        EsqlFunctionRegistry functions = new EsqlFunctionRegistry();
        Verifier verifier = new Verifier(new Metrics(functions), new XPackLicenseState(() -> 0));
        LogicalPlan parsed = new EsqlParser().createStatement(query, configuration);
        IndexResolution index = index(parsed, tables);
        LogicalPlan analysed = new Analyzer(
            new AnalyzerContext(configuration, functions, index, new EnrichResolution(), InferenceResolution.EMPTY), verifier
        ).analyze(parsed).transformUp(EsRelation.class, relation -> filled(relation, tables.get(relation.indexPattern())));
        LogicalPlan optimised = new LogicalPlanOptimizer(new LogicalOptimizerContext(configuration, FoldContext.small())).optimize(analysed);
        PhysicalPlan plan = new PhysicalPlanOptimizer(new PhysicalOptimizerContext(configuration)).optimize(new Mapper().map(optimised));
        List<Attribute> output = plan.output();
        List<Page> pages = new ArrayList<>();
        drive(configuration, new OutputExec(EstimatesRowSize.estimateRowSize(0, plan), pages::add));
        List<List<Object>> rows = new ArrayList<>();
        for (Page page : pages) {
            for (int at = 0; at < page.getPositionCount(); at++) {
                List<Object> row = new ArrayList<>();
                for (int column = 0; column < output.size(); column++) {
                    row.add(shown(BlockUtils.toJavaObject(page.getBlock(column), at), output.get(column).dataType()));
                }
                rows.add(row);
            }
        }
        return Map.of("columns", output.stream().map(one -> List.of(one.name(), one.dataType().typeName())).toList(), "rows", rows);
    }

    static void drive(Configuration configuration, PhysicalPlan plan) throws Exception {
        LocalExecutionPlanner planner = new LocalExecutionPlanner(
            "judge", "", null, ARRAYS, BLOCKS, Settings.EMPTY, configuration, null, null, null, null, null,
            new EsPhysicalOperationProviders(FoldContext.small(), List.of(), null, new PhysicalSettings(DataPartitioning.AUTO, ByteSizeValue.ofMb(1))),
            List.of(), MatcherWatchdog.noop());
        for (Driver driver : planner.plan("judge", FoldContext.small(), plan).createDrivers("judge")) {
            PlainActionFuture<Void> done = new PlainActionFuture<>();
            Driver.start(new ThreadContext(Settings.EMPTY), Runnable::run, driver, 1000, done);
            done.get(20, TimeUnit.SECONDS);
        }
    }

    // What now() gives: the configuration takes the clock's time.
    static void at(Configuration configuration, long now) throws Exception {
        var field = Configuration.class.getDeclaredField("now");
        field.setAccessible(true);
        field.set(configuration, Instant.ofEpochMilli(now).atZone(ZoneOffset.UTC));
    }

    // The index as the analyser sees it: its fields and their types.
    static IndexResolution index(LogicalPlan parsed, Map<String, Map<String, Object>> tables) {
        List<String> named = new ArrayList<>();
        parsed.forEachUp(UnresolvedRelation.class, relation -> named.add(relation.indexPattern().indexPattern()));
        if (named.isEmpty()) {
            return IndexResolution.notFound("no index");
        }
        if (named.size() > 1 || !tables.containsKey(named.get(0))) {
            throw new IllegalArgumentException("the judge has no tables " + named);
        }
        Map<String, EsField> fields = new LinkedHashMap<>();
        for (List<String> column : columns(tables.get(named.get(0)))) {
            // What begins so is no field of a mapping: METADATA asks for it.
            if (column.get(0).startsWith("_")) {
                continue;
            }
            fields.put(column.get(0), new EsField(column.get(0), DataType.fromTypeName(column.get(1)), Map.of(), true));
        }
        return IndexResolution.valid(new EsIndex(named.get(0), fields, Map.of(named.get(0), IndexMode.STANDARD)));
    }

    static List<List<String>> columns(Map<String, Object> table) {
        return (List<List<String>>) table.get("columns");
    }

    // The index's rows in its place, under the attributes that the analyser gave its fields.
    static LogicalPlan filled(EsRelation index, Map<String, Object> table) {
        List<String> names = columns(table).stream().map(column -> column.get(0)).toList();
        List<List<Object>> rows = (List<List<Object>>) table.get("rows");
        List<Block> blocks = new ArrayList<>();
        for (Attribute attribute : index.output()) {
            int number = names.indexOf(attribute.name());
            DataType type = attribute.dataType();
            try (var builder = BlockUtils.wrapperFor(BLOCKS, PlannerUtils.toElementType(type), rows.size())) {
                // A metadata field that the table has not has no value.
                rows.forEach(row -> builder.accept(number < 0 ? null : kept(row.get(number), type)));
                blocks.add(builder.builder().build());
            }
        }
        return new LocalRelation(index.source(), index.output(), LocalSupplier.of(blocks.toArray(Block[]::new)));
    }

    static Object kept(Object value, DataType type) {
        if (value instanceof List<?> list) {
            return list.stream().map(one -> kept(one, type)).toList();
        }
        if (value == null) {
            return null;
        }
        return switch (type) {
            case LONG, DATETIME -> ((Number) value).longValue();
            case INTEGER -> ((Number) value).intValue();
            case DOUBLE -> ((Number) value).doubleValue();
            case IP -> EsqlDataTypeConverter.stringToIP((String) value);
            case VERSION -> EsqlDataTypeConverter.stringToVersion((String) value);
            case KEYWORD, TEXT -> new BytesRef((String) value);
            default -> value;
        };
    }

    static Object shown(Object value, DataType type) {
        if (value instanceof List<?> list) {
            List<Object> found = new ArrayList<>();
            list.forEach(one -> found.add(shown(one, type)));
            return found;
        }
        if (type == DataType.UNSIGNED_LONG && value != null) {
            return EsqlDataTypeConverter.unsignedLongToBigInteger((Long) value);
        }
        if (value instanceof BytesRef bytes) {
            return switch (type) {
                case IP -> EsqlDataTypeConverter.ipToString(bytes);
                case VERSION -> EsqlDataTypeConverter.versionToString(bytes);
                default -> bytes.utf8ToString();
            };
        }
        return value instanceof Double number && !Double.isFinite(number) ? number.toString() : value;
    }
}
