package io.github.ringfence.example;

import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;

/** Pays over HTTP and hears what has settled. */
@SpringBootApplication
public class PaymentApplication {
    /**
     * Starts the application.
     *
     * @param arguments Spring Boot's
     */
    public static void main(String[] arguments) {
        SpringApplication.run(PaymentApplication.class, arguments);
    }
}
