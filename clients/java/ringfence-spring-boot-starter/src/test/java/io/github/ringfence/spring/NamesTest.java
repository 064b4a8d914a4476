package io.github.ringfence.spring;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.springframework.core.io.Resource;
import org.springframework.core.io.support.PathMatchingResourcePatternResolver;

/** What an application imports from the starter and from the client. */
class NamesTest {
    private static List<String> namesIn(String folder) throws IOException {
        Resource[] classes = new PathMatchingResourcePatternResolver()
                .getResources("classpath*:io/github/ringfence/" + folder + "/*.class");
        List<String> names = new ArrayList<>();
        for (Resource one : classes) {
            String name = one.getFilename().replace(".class", "");
            if (!name.contains("$") && !name.equals("package-info")) {
                names.add(name);
            }
        }
        return names;
    }

    /** A listener of the client's class of the same name would compile, and never be called. */
    @Test
    void no_class_of_the_starter_has_the_name_of_one_of_the_client() throws IOException {
        List<String> own = namesIn("spring");
        List<String> client = namesIn("client");
        assertThat(own).contains("TransferSettled", "RingfenceTemplate");
        assertThat(client).contains("Transfer", "QueuedTransferSettled");
        assertThat(own).doesNotContainAnyElementsOf(client);
    }
}
