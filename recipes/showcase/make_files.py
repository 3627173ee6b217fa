#!/usr/bin/env python3
"""Makes the demonstrations and prompts of recipes/showcase.toml: sums worked out step by step, and function calls.

    python3 recipes/showcase/make_files.py

Both are made up here, by chance from one seed, so they are free of any licence (CC0-1.0); what a suite of this program asks is left out.
Functions change their names, their parameters' names and the company they are offered in from row to row: what is to be learned is to
read a description, not to know a function. The files are kept beside this script.
"""
import json
import pathlib
import random
import re

FOLDER = pathlib.Path(__file__).parent
SUITES = FOLDER.parent.parent / "data" / "suites"
SHOWN_SUMS, SUMS, SUM_PROMPTS = 200, 900, 400
SHOWN_CALLS, CALLS, CALL_PROMPTS = 150, 480, 200


def write_rows(name, written):
    with open(FOLDER / name, "w", encoding="utf-8") as file:
        for row in written:
            file.write(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n")
    print(f"{name}: {len(written)} rows")


def suite_rows(name):
    for path in sorted((SUITES / name).glob("*.jsonl")):
        with open(path, encoding="utf-8") as file:
            yield from (json.loads(line) for line in file.read().split("\n") if line.strip())


def user(text):
    return {"role": "user", "content": text}


def assistant(text):
    return {"role": "assistant", "content": text}


# Sums.

WORDINGS = ("What is {}?", "Calculate {}.", "{} = ?", "How much is {}?")


def worked_product(a, b):
    """The steps of a * b: by b's hundreds, tens and ones where both factors are large."""
    if b < 0 or abs(a) < 10 or abs(b) < 10:
        return [f"{a} * {b} = {a * b}"]
    parts = [int(digit) * 10 ** power for power, digit in reversed(list(enumerate(reversed(str(b))))) if digit != "0"]
    steps = [f"{a} * {part} = {a * part}" for part in parts]
    total = a * parts[0]
    for part in parts[1:]:
        steps.append(f"{total} + {a * part} = {total + a * part}")
        total += a * part
    return steps


def sum_row(rng):
    """An expression of 2 to 5 numbers, its steps from left to right, and its value."""
    kind = rng.choice("++--*m")
    count = rng.choice((2, 2, 2, 3, 3, 4, 5)) if kind != "*" else rng.choice((2, 2, 2, 3))
    digits = rng.choice((2, 3, 3, 3)) if kind != "*" else rng.choice((1, 2, 2))
    def number():
        return rng.randrange(0, 10 ** digits) if rng.random() < 0.9 else rng.randrange(0, 10)
    value = number()
    expression, steps = str(value), []
    for _ in range(count - 1):
        operand = number()
        operation = kind if kind != "m" else rng.choice("+-")
        expression += f" {operation} {operand}"
        if operation == "*":
            steps += worked_product(value, operand)
            value *= operand
        else:
            result = value + operand if operation == "+" else value - operand
            steps.append(f"{value} {operation} {operand} = {result}")
            value = result
    return expression, steps, value


def sums(count):
    held_out = {row["context"].removesuffix("=").strip() for row in suite_rows("arithmetic")}
    rng = random.Random(20260110)
    made, seen = [], set(held_out)
    while len(made) < count:
        expression, steps, value = sum_row(rng)
        if expression in seen:
            continue
        seen.add(expression)
        said = (", ".join(steps) + f".\nThe answer is {value}.") if len(steps) > 1 else f"{steps[0]}.\nThe answer is {value}."
        made.append((expression, len(steps), said, value, rng.choice(WORDINGS)))
    return made


# Function calls.

CITIES = "London,Paris,Tokyo,Nairobi,Lima,Oslo,Madrid,Chicago,Toronto,Sydney,Cairo,Berlin,Mumbai,Seoul,Boston,Prague,Dublin,Vienna,Athens,Helsinki,San Diego,New York,Cape Town,Buenos Aires".split(",")
PEOPLE = "Anna Berg,Carlos Ruiz,Mei Lin,John Carter,Fatima Noor,Peter Novak,Grace Hall,Tom Baker,Sara Kim,Omar Haddad,Julia Stein,David Okafor,Nina Rossi,Leo Martin".split(",")
COUNTRIES = "Canada,Brazil,Japan,Kenya,France,Germany,India,Norway,Mexico,Spain,Italy,Egypt,Australia,Poland".split(",")
FOODS = "pasta,chicken curry,lentil soup,pancakes,vegetable stew,fried rice,apple pie,tomato salad,mushroom risotto,fish tacos".split(",")
TOPICS = "solar energy,ancient Rome,machine learning,coral reefs,electric cars,space travel,jazz music,climate change,world chess,medieval castles".split(",")
BOOKS = "Moby Dick,Dracula,Emma,Middlemarch,Walden,Ulysses,Kim,Silas Marner,The Time Machine,Jane Eyre".split(",")
STOCKS = "AAPL,MSFT,TSLA,AMZN,NVDA,IBM,INTC,ORCL".split(",")
CURRENCIES = "USD,EUR,GBP,JPY,INR,CAD,AUD,CHF".split(",")
LANGUAGES = "French,Spanish,German,Italian,Japanese,Portuguese,Swahili,Hindi".split(",")
SPORTS = "basketball,football,tennis,cricket,hockey,volleyball,rugby".split(",")
TEAMS = "Lakers,Giants,Rangers,Bulls,Arsenal,Tigers,Eagles,Sharks".split(",")
COLOURS = "red,blue,green,yellow,black,white,purple,orange".split(",")
ANIMALS = "lion,dolphin,eagle,penguin,elephant,octopus,wolf,tortoise".split(",")
METALS = "copper,iron,gold,silver,aluminium,lead,zinc".split(",")
SENTENCES = ["Good morning, how are you?", "The train is late today", "I love reading books", "Where is the station?", "Dinner is ready", "See you next week"]
UNITS = ["kilometers", "miles", "meters", "feet", "inches", "yards"]
GENRES = "comedy,drama,thriller,science fiction,romance,horror,documentary".split(",")


def pick(values):
    return lambda rng: rng.choice(values)


def whole(low, high):
    return lambda rng: rng.randint(low, high)


def decimal(low, high, places=1):
    return lambda rng: round(rng.uniform(low, high), places)


def numbers(low, high, least=3, most=6):
    return lambda rng: [rng.randint(low, high) for _ in range(rng.randint(least, most))]


def date(rng):
    return f"{rng.randint(2019, 2026)}-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}"


def clock(rng):
    return f"{rng.randint(7, 21):02d}:{rng.choice(('00', '15', '30', '45'))}"


class Function:
    """A function: names to choose from, what it does, its parameters (names to choose from, type, meaning, values, needed), requests."""

    def __init__(self, names, does, parameters, *requests):
        self.names, self.does, self.parameters, self.requests = names.split(), does, parameters, requests


def parameter(key, names, kind, meaning, values, needed=True, allowed=None):
    return {"key": key, "names": names.split(), "type": kind, "meaning": meaning, "values": values, "needed": needed, "allowed": allowed}


P = parameter
FUNCTIONS = [
    Function("get_weather weather.current fetch_weather current_weather", "Get the current weather of a city.",
             [P("c", "city location place", "string", "Name of the city.", pick(CITIES)), P("u", "unit units", "string", "Unit of the temperature.", pick(["celsius", "fahrenheit"]), False, ["celsius", "fahrenheit"])],
             "What's the weather like in {c}?", "How warm is it in {c} right now, in {u}?", "Tell me the current weather in {c} in {u}."),
    Function("weather_forecast forecast.get get_forecast", "Get the weather forecast for some days.",
             [P("c", "city location", "string", "The city.", pick(CITIES)), P("d", "days num_days", "integer", "Number of days to forecast.", whole(2, 14))],
             "What will the weather be in {c} for the next {d} days?", "Give me a {d} day forecast for {c}."),
    Function("calculate_area_rectangle rectangle.area rectangle_area", "Calculate the area of a rectangle.",
             [P("l", "length long_side", "integer", "Length of the rectangle.", whole(2, 90)), P("w", "width breadth", "integer", "Width of the rectangle.", whole(2, 90))],
             "What is the area of a rectangle with length {l} and width {w}?", "Find the area of a {l} by {w} rectangle.", "Calculate the area of a rectangle that is {l} meters long and {w} meters wide."),
    Function("circle_area geometry.circle_area area_of_circle", "Compute the area of a circle from its radius.",
             [P("r", "radius r", "float", "Radius of the circle.", decimal(1, 40))],
             "What's the area of a circle of radius {r}?", "Compute the area of a circle whose radius is {r}."),
    Function("triangle_area calculate_triangle_area geometry.area_triangle", "Calculate the area of a triangle from its base and height.",
             [P("b", "base", "integer", "The base of the triangle.", whole(3, 60)), P("h", "height", "integer", "The height of the triangle.", whole(3, 60)), P("u", "unit", "string", "Unit of measure, defaults to 'units'.", pick(["cm", "meters", "inches"]), False)],
             "Find the area of a triangle with a base of {b} and a height of {h}.", "A triangle has base {b} {u} and height {h} {u}. What is its area?"),
    Function("math.gcd greatest_common_divisor find_gcd", "Find the greatest common divisor of two numbers.",
             [P("a", "a num1 first", "integer", "The first number.", whole(6, 500)), P("b", "b num2 second", "integer", "The second number.", whole(6, 500))],
             "What is the greatest common divisor of {a} and {b}?", "Find the gcd of {a} and {b}."),
    Function("math.factorial calculate_factorial factorial", "Calculate the factorial of a number.",
             [P("n", "n number num", "integer", "The number.", whole(3, 20))],
             "What is the factorial of {n}?", "Calculate {n} factorial.", "Compute the factorial of {n}."),
    Function("math.power calculate_power raise_to_power", "Raise a number to a power.",
             [P("b", "base number", "integer", "The base.", whole(2, 20)), P("e", "exponent power", "integer", "The exponent.", whole(2, 9))],
             "What is {b} to the power of {e}?", "Raise {b} to the power {e}."),
    Function("is_prime math.is_prime check_prime", "Check whether a number is prime.",
             [P("n", "number n num", "integer", "The number to check.", whole(10, 9000))],
             "Is {n} a prime number?", "Check if {n} is prime."),
    Function("calculate_mean stats.mean average", "Calculate the mean of a list of numbers.",
             [P("v", "numbers values data", "array:integer", "The numbers.", numbers(1, 90))],
             "What is the mean of {v}?", "Find the average of these numbers: {v}."),
    Function("sort_numbers list.sort sort_list", "Sort a list of numbers.",
             [P("v", "numbers items elements", "array:integer", "The numbers to sort.", numbers(1, 99, 4, 7)), P("o", "order direction", "string", "Order of the result.", pick(["ascending", "descending"]), True, ["ascending", "descending"])],
             "Sort {v} in {o} order.", "Please put the numbers {v} in {o} order."),
    Function("bmi.calculate calculate_bmi body_mass_index", "Calculate the body mass index.",
             [P("w", "weight weight_kg", "integer", "Weight in kilograms.", whole(45, 120)), P("h", "height height_cm", "integer", "Height in centimeters.", whole(145, 205))],
             "What's the BMI of someone who weighs {w} kg and is {h} cm tall?", "Calculate my BMI: I weigh {w} kilograms and my height is {h} cm."),
    Function("convert_currency currency.exchange exchange_money", "Convert an amount of money from one currency to another.",
             [P("a", "amount value", "integer", "The amount.", whole(5, 5000)), P("f", "from_currency source base_currency", "string", "Currency to convert from.", pick(CURRENCIES)), P("t", "to_currency target target_currency", "string", "Currency to convert to.", pick(CURRENCIES))],
             "Convert {a} {f} to {t}.", "How much is {a} {f} in {t}?", "I have {a} {f}, what is it worth in {t}?"),
    Function("exchange_rate currency.rate get_exchange_rate", "Get the exchange rate between two currencies.",
             [P("f", "from_currency base", "string", "The first currency.", pick(CURRENCIES)), P("t", "to_currency quote", "string", "The second currency.", pick(CURRENCIES))],
             "What's the exchange rate from {f} to {t}?", "How many {t} do I get for one {f}?"),
    Function("convert_length units.convert unit_conversion", "Convert a length from one unit to another.",
             [P("v", "value amount length", "float", "The value to convert.", decimal(1, 300)), P("f", "from_unit unit_from", "string", "Unit of the value.", pick(UNITS)), P("t", "to_unit unit_to", "string", "Unit of the result.", pick(UNITS))],
             "Convert {v} {f} to {t}.", "How many {t} are {v} {f}?"),
    Function("stock_price get_stock_price stocks.price", "Get the price of a stock.",
             [P("s", "symbol ticker company", "string", "Symbol of the stock.", pick(STOCKS)), P("d", "date day", "string", "Date, as YYYY-MM-DD.", date, False)],
             "What is the current price of {s}?", "What did {s} stock cost on {d}?", "Get me the stock price of {s}."),
    Function("translate_text translator.translate text_translate", "Translate a text into another language.",
             [P("t", "text sentence content", "string", "The text.", pick(SENTENCES)), P("l", "target_language language to_language", "string", "Language to translate to.", pick(LANGUAGES))],
             "Translate '{t}' to {l}.", "How do you say '{t}' in {l}?"),
    Function("search_recipe recipe.find find_recipes", "Find recipes.",
             [P("d", "dish keyword query", "string", "What to cook.", pick(FOODS)), P("n", "max_results limit count", "integer", "Number of recipes.", whole(2, 10), False), P("v", "vegetarian is_vegetarian", "boolean", "Only vegetarian recipes.", pick([True]), False)],
             "Find me a recipe for {d}.", "Show {n} recipes for {d}.", "I want to cook {d}. Can you find a recipe?"),
    Function("book_flight flights.book reserve_flight", "Book a flight.",
             [P("f", "origin from_city departure", "string", "City of departure.", pick(CITIES)), P("t", "destination to_city arrival", "string", "City of arrival.", pick(CITIES)), P("d", "date departure_date", "string", "Date of the flight, as YYYY-MM-DD.", date)],
             "Book a flight from {f} to {t} on {d}.", "I need to fly from {f} to {t} on {d}."),
    Function("hotel_booking hotels.reserve book_hotel", "Book a hotel room.",
             [P("c", "city location", "string", "The city.", pick(CITIES)), P("n", "nights num_nights", "integer", "Number of nights.", whole(1, 14)), P("g", "guests num_guests", "integer", "Number of guests.", whole(1, 6), False)],
             "Book a hotel in {c} for {n} nights.", "I need a hotel room in {c} for {n} nights for {g} guests."),
    Function("find_restaurants restaurant.search search_restaurants", "Find restaurants in a city.",
             [P("c", "city location", "string", "The city.", pick(CITIES)), P("k", "cuisine food_type", "string", "Kind of food.", pick(["Italian", "Indian", "Thai", "Mexican", "Greek", "Chinese"])), P("r", "min_rating rating", "float", "Lowest rating.", decimal(3, 4.9), False)],
             "Find {k} restaurants in {c}.", "Where can I eat {k} food in {c}?", "Find {k} restaurants in {c} with a rating of at least {r}."),
    Function("get_distance distance_between route.distance", "Get the distance between two places.",
             [P("a", "start origin from_place", "string", "Where it begins.", pick(CITIES)), P("b", "end destination to_place", "string", "Where it ends.", pick(CITIES))],
             "How far is it from {a} to {b}?", "What is the distance between {a} and {b}?"),
    Function("get_directions navigation.route find_route", "Find a route between two places.",
             [P("a", "start start_location", "string", "Start of the route.", pick(CITIES)), P("b", "end end_location", "string", "End of the route.", pick(CITIES)), P("m", "mode transport", "string", "Means of transport.", pick(["driving", "walking", "cycling"]), False, ["driving", "walking", "cycling"])],
             "How do I get from {a} to {b}?", "Give me {m} directions from {a} to {b}."),
    Function("set_alarm alarm.create create_alarm", "Set an alarm.",
             [P("t", "time alarm_time", "string", "Time of the alarm, as HH:MM.", clock), P("l", "label name", "string", "Name of the alarm.", pick(["gym", "school run", "medicine", "meeting"]), False)],
             "Set an alarm for {t}.", "Wake me at {t}.", "Set an alarm at {t} with the label {l}."),
    Function("create_event calendar.add add_calendar_event", "Add an event to the calendar.",
             [P("n", "title name event_name", "string", "Title of the event.", pick(["Team Lunch", "Dentist", "Budget Review", "Yoga Class", "Book Club"])), P("d", "date day", "string", "Date, as YYYY-MM-DD.", date), P("t", "time start_time", "string", "Time, as HH:MM.", clock)],
             "Add '{n}' to my calendar on {d} at {t}.", "Create an event called '{n}' on {d} at {t}."),
    Function("send_email email.send mail.send_message", "Send an email.",
             [P("p", "recipient to", "string", "Who gets the email.", pick(PEOPLE)), P("s", "subject title", "string", "Subject.", pick(["Meeting notes", "Holiday plans", "Invoice", "Welcome", "Project update"])), P("b", "body message text", "string", "Text of the email.", pick(SENTENCES))],
             "Send an email to {p} with the subject '{s}' and the text '{b}'.", "Write to {p}: subject '{s}', message '{b}'."),
    Function("add_task todo.create create_task", "Add a task to a to-do list.",
             [P("t", "title task name", "string", "What is to be done.", pick(["buy milk", "call the bank", "water the plants", "finish the report", "clean the car"])), P("p", "priority level", "string", "Priority.", pick(["low", "medium", "high"]), False, ["low", "medium", "high"])],
             "Add '{t}' to my to-do list.", "Create a task '{t}' with {p} priority."),
    Function("search_news news.search get_news", "Search for news.",
             [P("t", "topic query keyword", "string", "Topic of the news.", pick(TOPICS)), P("n", "limit max_articles", "integer", "Number of articles.", whole(2, 20), False)],
             "What's the latest news about {t}?", "Find {n} news articles about {t}."),
    Function("search_books library.find_book book.search", "Search for a book by its title.",
             [P("t", "title book_title", "string", "Title of the book.", pick(BOOKS)), P("l", "city library_location", "string", "City of the library.", pick(CITIES))],
             "Is the book {t} in a library in {c}?".replace("{c}", "{l}"), "Look for the book '{t}' in {l}."),
    Function("movie_search movies.find find_movies", "Find movies by genre and year.",
             [P("g", "genre category", "string", "Genre.", pick(GENRES)), P("y", "year release_year", "integer", "Year of release.", whole(1960, 2024))],
             "Find a {g} movie from {y}.", "Which {g} movies came out in {y}?"),
    Function("population.get get_population country_population", "Get the population of a country in a year.",
             [P("c", "country nation", "string", "The country.", pick(COUNTRIES)), P("y", "year", "integer", "The year.", whole(1950, 2023))],
             "What was the population of {c} in {y}?", "How many people lived in {c} in {y}?"),
    Function("get_capital country.capital capital_city", "Get the capital of a country.",
             [P("c", "country country_name", "string", "The country.", pick(COUNTRIES))],
             "What is the capital of {c}?", "Name the capital city of {c}."),
    Function("loan_payment finance.monthly_payment calculate_loan", "Calculate the monthly payment of a loan.",
             [P("p", "principal amount loan_amount", "integer", "The amount borrowed.", whole(1000, 400000)), P("r", "rate interest_rate annual_rate", "float", "Interest in percent a year.", decimal(1, 9)), P("y", "years term", "integer", "Years.", whole(2, 30))],
             "What is the monthly payment of a loan of ${p} at {r}% over {y} years?", "I borrow {p} dollars at {r} percent interest for {y} years. What do I pay a month?"),
    Function("compound_interest finance.compound calculate_compound_interest", "Calculate the value of an investment with compound interest.",
             [P("p", "principal initial_investment", "integer", "The money invested.", whole(500, 50000)), P("r", "rate interest_rate", "float", "Interest in percent a year.", decimal(1, 9)), P("y", "years time", "integer", "Years.", whole(2, 40))],
             "What will ${p} be worth after {y} years at {r}% interest?", "Calculate the compound interest on {p} dollars at {r}% for {y} years."),
    Function("physics.velocity final_velocity calculate_velocity", "Calculate the final velocity of an object.",
             [P("u", "initial_velocity start_speed", "float", "Velocity at the start in m/s.", decimal(0, 30)), P("a", "acceleration", "float", "Acceleration in m/s^2.", decimal(0.5, 10)), P("t", "time duration", "integer", "Time in seconds.", whole(2, 60))],
             "What is the final velocity of a car that starts at {u} m/s and accelerates at {a} m/s^2 for {t} seconds?", "An object has an initial velocity of {u} m/s and an acceleration of {a} m/s^2. How fast is it after {t} seconds?"),
    Function("kinetic_energy physics.kinetic_energy energy.kinetic", "Calculate kinetic energy.",
             [P("m", "mass", "integer", "Mass in kilograms.", whole(1, 900)), P("v", "velocity speed", "integer", "Velocity in meters per second.", whole(1, 90))],
             "What's the kinetic energy of an object of {m} kg that moves at {v} m/s?", "Calculate the kinetic energy for a mass of {m} kg and a velocity of {v} m/s."),
    Function("density.calculate calculate_density material_density", "Calculate density from mass and volume.",
             [P("m", "mass", "integer", "Mass in kilograms.", whole(2, 900)), P("v", "volume", "integer", "Volume in cubic meters.", whole(2, 90))],
             "What is the density of an object with a mass of {m} kg and a volume of {v} cubic meters?", "Find the density for mass {m} and volume {v}."),
    Function("melting_point material.melting_point get_melting_point", "Get the melting point of a metal.",
             [P("m", "metal material substance", "string", "The metal.", pick(METALS)), P("u", "unit", "string", "Unit of the temperature.", pick(["celsius", "kelvin"]), False, ["celsius", "kelvin"])],
             "At what temperature does {m} melt?", "What is the melting point of {m} in {u}?"),
    Function("game_score sports.score get_match_result", "Get the result of a team's last game.",
             [P("t", "team team_name", "string", "The team.", pick(TEAMS)), P("s", "sport league", "string", "The sport.", pick(SPORTS), False)],
             "What was the score of the last {t} game?", "How did the {t} do in their last {s} game?"),
    Function("sports.ranking team_ranking get_ranking", "Get the ranking of a team in a season.",
             [P("t", "team team_name", "string", "The team.", pick(TEAMS)), P("y", "season year", "integer", "Year of the season.", whole(2000, 2024))],
             "Where did the {t} rank in the {y} season?", "What was the ranking of the {t} in {y}?"),
    Function("animal_facts animals.describe get_animal_info", "Get facts about an animal.",
             [P("a", "animal species", "string", "The animal.", pick(ANIMALS)), P("h", "include_habitat habitat", "boolean", "Whether to tell where it lives.", pick([True]), False)],
             "Tell me some facts about the {a}.", "I want to learn about the {a}."),
    Function("mix_colors color.mix paint.mix_colors", "Mix two colors.",
             [P("a", "color1 first_color", "string", "The first color.", pick(COLOURS)), P("b", "color2 second_color", "string", "The second color.", pick(COLOURS))],
             "What do I get if I mix {a} and {b}?", "Mix {a} with {b}."),
    Function("generate_password password.create create_password", "Make a password.",
             [P("n", "length size", "integer", "Number of characters.", whole(8, 32)), P("s", "include_symbols symbols", "boolean", "Whether it may hold symbols.", pick([True]), False)],
             "Make me a password of {n} characters.", "Generate a password with {n} characters."),
    Function("roll_dice dice.roll random.dice", "Roll dice.",
             [P("n", "count num_dice", "integer", "Number of dice.", whole(2, 9)), P("s", "sides faces", "integer", "Sides of each.", pick([4, 6, 8, 10, 12, 20]))],
             "Roll {n} dice with {s} sides.", "Please roll {n} {s}-sided dice."),
    Function("tip_calculator calculate_tip bill.tip", "Calculate a tip.",
             [P("b", "bill total amount", "float", "The bill.", decimal(8, 250, 2)), P("p", "percentage tip_percent", "integer", "Tip in percent.", pick([10, 12, 15, 18, 20]))],
             "What is a {p}% tip on a bill of ${b}?", "Calculate a tip of {p} percent for ${b}."),
    Function("create_user users.add register_user", "Create a user account.",
             [P("n", "name full_name", "string", "Name of the user.", pick(PEOPLE)), P("a", "age", "integer", "Age of the user.", whole(18, 80)), P("c", "country", "string", "Country of the user.", pick(COUNTRIES), False)],
             "Register {n}, who is {a} years old.", "Create an account for {n}, {a} years old, from {c}."),
    Function("play_music music.play play_song", "Play music.",
             [P("g", "genre style", "string", "Kind of music.", pick(["jazz", "rock", "classical", "pop", "blues"])), P("v", "volume level", "integer", "Volume from 0 to 100.", whole(5, 100), False)],
             "Play some {g} music.", "Play {g} at volume {v}."),
    Function("count_words text.word_count word_counter", "Count the words of a text.",
             [P("t", "text content", "string", "The text.", pick(SENTENCES))],
             "How many words are in '{t}'?", "Count the words in '{t}'."),
]

UNFIT = ["Which of these plans is the best for me?", "Can you sing me a song?", "Fix the bug in my program.", "What did I eat yesterday?", "Draw a picture of a castle.", "Please order a taxi.",
         "Turn off the lights in the kitchen.", "How do I tie a tie?", "Summarize the meeting from this morning.", "Who painted this picture?"]
REFUSALS = ["None of the functions fits this request.", "I cannot do that with the functions that I have.", "There is no function for this request."]


def offered(function, rng):
    """How a function is described this time, and what its parameters are called."""
    names = {given["key"]: rng.choice(given["names"]) for given in function.parameters}
    properties, needed = {}, []
    for given in function.parameters:
        kind, _, item = given["type"].partition(":")
        described = {"type": kind, "description": given["meaning"]}
        if item:
            described["items"] = {"type": item}
        if given["allowed"]:
            described["enum"] = given["allowed"]
        properties[names[given["key"]]] = described
        if given["needed"]:
            needed.append(names[given["key"]])
    return {"name": rng.choice(function.names), "description": function.does, "parameters": {"type": "dict", "properties": properties, "required": needed}}, names


def python_value(value):
    return json.dumps(value, ensure_ascii=False) if not isinstance(value, bool) else str(value)


def request(function, names, rng):
    """A request and the arguments it tells; those that it does not tell are optional."""
    wording = rng.choice(function.requests)
    told = set(re.findall(r"\{(\w+)\}", wording))
    if any(given["needed"] and given["key"] not in told for given in function.parameters):
        raise ValueError(f"{function.names[0]}: \"{wording}\" leaves out a parameter that is needed")
    values, shown = {}, {}
    for given in function.parameters:
        if given["key"] not in told:
            continue
        value = given["values"](rng)
        while value in values.values() and isinstance(value, str):
            value = given["values"](rng)
        values[names[given["key"]]] = value
        shown[given["key"]] = value
    return wording.format(**shown), values


def call_text(name, values):
    return f"{name}({', '.join(f'{key}={python_value(value)}' for key, value in values.items())})"


SYSTEM = ("You answer by calling functions. If one or more of the functions below help with the request, reply with nothing but the list of calls:\n"
          "[name(parameter=value, parameter=value), other_name(parameter=value)]\n"
          "If none of them fits, or a required value is not given, say so in a sentence and call nothing.\n\nThe functions, as JSON:\n")


def possible(value, kind):
    return [value, float(value)] if kind == "float" and isinstance(value, int) else [value]


def call_row(rng):
    """A dialog with functions, the calls it asks for, and how they are checked. By chance one function, several, several calls, or none that fits."""
    shape = rng.choices(("simple", "multiple", "parallel", "none"), (42, 18, 15, 25))[0]
    count = {"simple": 1, "multiple": rng.randint(2, 3), "parallel": 1, "none": rng.randint(1, 2)}[shape]
    chosen = rng.sample(FUNCTIONS, count + 1)
    described = [offered(function, rng) for function in chosen[:count]]
    functions = [description for description, _ in described]
    if shape == "none":
        text = rng.choice(UNFIT) if rng.random() < 0.3 else request(chosen[count], offered(chosen[count], rng)[1], rng)[0]
        return functions, text, rng.choice(REFUSALS), {"category": "irrelevance"}, 0.5
    at = rng.randrange(count)
    wanted = [request(chosen[at], described[at][1], rng) for _ in range(rng.randint(2, 3) if shape == "parallel" else 1)]
    texts = [text for text, _ in wanted]
    text = texts[0] if len(texts) == 1 else " ".join(texts) if rng.random() < 0.5 else texts[0].rstrip(".?") + ", and also: " + " ".join(texts[1:])
    calls = [call_text(functions[at]["name"], values) for _, values in wanted]
    answer = []
    for _, values in wanted:
        arguments = {}
        for name, described_parameter in functions[at]["parameters"]["properties"].items():
            arguments[name] = possible(values[name], described_parameter["type"]) if name in values else [""]
        answer.append({functions[at]["name"]: arguments})
    expected = {"category": "multiple" if shape == "multiple" else "parallel" if shape == "parallel" else "simple", "functions": functions, "answer": answer}
    difficulty = round(min(1.0, 0.15 * len(wanted[0][1]) + 0.2 * (count - 1) + 0.3 * (len(wanted) - 1)), 3)
    return functions, text, "[" + ", ".join(calls) + "]", expected, difficulty


def calls(count):
    held_out = {message["content"].strip().lower() for row in suite_rows("bfcl") if "question" in row for message in row["question"][0]}
    rng = random.Random(20260111)
    made, seen = [], set(held_out)
    while len(made) < count:
        functions, text, said, expected, difficulty = call_row(rng)
        if text.strip().lower() in seen:
            continue
        seen.add(text.strip().lower())
        made.append(({"role": "system", "content": SYSTEM + json.dumps(functions, ensure_ascii=False)}, user(text), said, expected, difficulty))
    return made


def main():
    worked, made = sums(SHOWN_SUMS + SUMS + SUM_PROMPTS), calls(SHOWN_CALLS + CALLS + CALL_PROMPTS)
    told_sums = [{"messages": [user(wording.format(expression)), assistant(said)]} for expression, _, said, _, wording in worked[:SHOWN_SUMS + SUMS]]
    told_calls = [{"messages": [system, asked, assistant(said)]} for system, asked, said, _, _ in made[:SHOWN_CALLS + CALLS]]
    shown = told_sums[:SHOWN_SUMS] + told_calls[:SHOWN_CALLS]
    random.Random(20260112).shuffle(shown)
    write_rows("shown.jsonl", shown)
    write_rows("sums.jsonl", told_sums[SHOWN_SUMS:])
    write_rows("calls.jsonl", told_calls[SHOWN_CALLS:])
    write_rows("sum_prompts.jsonl", [{"messages": [user(wording.format(expression))], "checker": "numeric", "expected": str(value), "difficulty": round(min(1.0, steps / 6), 3),
                                      "tags": ["arithmetic"]} for expression, steps, _, value, wording in worked[SHOWN_SUMS + SUMS:]])
    write_rows("call_prompts.jsonl", [{"messages": [system, asked], "checker": "bfcl", "expected": json.dumps(expected, ensure_ascii=False), "difficulty": difficulty,
                                       "tags": ["tools", "function call"]} for system, asked, _, expected, difficulty in made[SHOWN_CALLS + CALLS:]])


if __name__ == "__main__":
    main()
