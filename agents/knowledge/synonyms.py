"""Everyday words that people ask by where a document uses another: "reimburse" and "refund", "kid" and "child".

Of what shops, offices, hotels and services are asked most. One line is one meaning; a word may stand in several. The words
are folded and cut to their stems when they are read, so one form of each is enough.
"""

from collections.abc import Iterator
from functools import cache

from agents.knowledge import languages
from agents.knowledge.folding import fold

_SAME = {
    "english": """
        refund reimburse reimbursement compensation payback
        cancel terminate cancellation termination quit unsubscribe
        price cost fee charge rate tariff pay
        cheap inexpensive discount reduction reduced half affordable
        buy purchase order
        send ship deliver dispatch delivery shipping shipment
        broken defective damaged faulty defect damage
        repair fix mend
        lost missing lose
        stolen theft steal
        delete remove erase
        change modify alter edit switch
        undo revert restore recover recall
        open opening
        close closed shut
        phone telephone call
        mail email
        child kid minor baby
        dog pet animal cat
        car vehicle automobile
        park parking
        bike bicycle
        employee staff worker colleague personnel
        holiday vacation
        sick ill illness disease
        password passcode
        error failure fail problem
        guarantee warranty
        allowed permitted permission allow permit
        forbidden prohibited banned
        invoice bill receipt
        customer client guest
        founded founder established
        eat food meal restaurant
        weigh weight heavy kilo
        book reserve reservation booking
        nonprofit charity charitable
        deadline period limit
        doctor physician
        medicine medication drug
        home house
        job vacancy position career
        begin start
        end finish expire
        keep store retain kept stored
        join enrol register registration signup
        picture photo image
        film record video
        wash clean cleaning
        money cash payment
        teacher instructor trainer coach
        pupil student learner
        leave resign departure
        quick fast rapid speed
        slow delay late
        big large size huge
        small little tiny compact
        free complimentary gratis
        adult grown
        senior elderly pensioner retired
        student pupil university
        disabled wheelchair accessible accessibility handicapped
        toilet restroom bathroom
        luggage baggage suitcase bag
        room accommodation bedroom
        breakfast morning
        evening night overnight
        dinner supper
        drink beverage
        bill charge charged
        credit card pay
        instalment installment rate partial
        deposit advance
        penalty fine surcharge
        owner proprietor holder
        boss manager head director chief lead leader
        address location located where
        near nearby close
        arrive arrival come
        depart departure leave
        train railway station
        bus coach shuttle
        plane flight airport
        travel trip journey
        rent hire lend borrow loan
        insure insurance cover covered coverage
        accident crash collision injury
        fire burn flame
        water flood leak
        rain weather storm wet
        snow ice winter
        heat heating warm hot
        cold cool chill
        noise loud quiet silent
        light lamp bulb
        battery charge power recharge
        electricity power current
        screen display monitor
        phone mobile smartphone cell
        computer laptop device pc
        app application
        website page site
        internet wifi network online
        login signin sign access
        username account profile
        upload attach import
        download export
        copy duplicate backup
        share invite
        hide invisible private
        block ban suspend
        limit maximum quota cap
        minimum least smallest
        language translate translation
        help support assistance
        complain complaint claim
        question ask enquiry
        answer reply respond response
        contact reach write
        letter post postal
        parcel package shipment
        size measurement dimension length width height
        material fabric made
        colour color shade
        taste flavour flavor
        sweet sugar
        allergy allergic intolerance
        vegetarian vegan meatless
        wine alcohol
        smoke smoking cigarette
        dress clothing clothes wear
        shoe boot footwear
        gift present voucher
        win prize award
        course class lesson workshop training
        exam test
        certificate diploma
        teach instruct
        join member membership subscribe
        renew extend prolong renewal
        postpone reschedule shift delay
        move relocate transfer
        test try trial
        update upgrade version
        set configure adjust setting
        turn switch disable enable activate deactivate
        install setup assemble mount
        maintain maintenance service
        check inspect inspection verify
        spare replacement part
        replace exchange swap
        return bring
        collect pickup fetch
        wait queue
        law legal court
        sign signature contract agreement
        confidential secret privacy private
        data information
        security safe secure
        emergency urgent
        hurt pain ache
        tooth dental dentist
        pregnant pregnancy expecting
        salary wage earn paid
        hire recruit apply
        invest investor shareholder
        partner cooperation
        environment green sustainable recycle recycling waste rubbish
        tip advice hint recommend""",
    "german": """
        erstatten ruckerstattung erstattung geld zuruckzahlen ruckzahlung
        kundigen stornieren kundigung stornierung absagen abbestellen
        preis kosten gebuhr kostet betrag tarif bezahlen zahlen
        gunstig billig rabatt ermassigung ermassigt preiswert nachlass
        kaufen bestellen erwerben bestellung
        liefern versand lieferung schicken senden verschicken
        kaputt defekt beschadigt schaden
        reparieren reparatur instandsetzen
        verlieren verloren verlust
        gestohlen diebstahl geklaut
        loschen entfernen
        andern wechseln umstellen bearbeiten
        offnen geoffnet offnungszeiten offen
        schliessen geschlossen
        telefon anrufen telefonnummer handy nummer
        mail email
        kind kinder nachwuchs
        hund haustier tier hunde
        auto wagen fahrzeug pkw
        parken parkplatz
        rad fahrrad velo
        mitarbeiter personal angestellte beschaftigte
        urlaub ferien
        krank krankheit erkrankt
        passwort kennwort
        fehler storung problem
        garantie gewahrleistung
        erlaubt durfen gestattet zulassig
        verboten untersagt
        rechnung beleg quittung
        kunde gast teilnehmer
        gegrundet grunder grundung
        essen mahlzeit speise restaurant verpflegung
        wiegen gewicht schwer kilo
        buchen reservieren reservierung buchung
        frist dauer zeitraum
        arzt doktor
        medikament arznei
        stelle job beruf
        anfangen beginnen start beginn
        enden aufhoren ende
        aufbewahren speichern lagern
        anmelden anmeldung registrieren
        foto bild
        waschen reinigen putzen saubern
        leihen mieten ausleihen miete verleih
        bahn zug
        regen regnet wetter unwetter
        abend nachts nacht
        schnell rasch zugig eilig express
        langsam verspatung verspatet spat
        gross grosse umfang
        klein winzig kompakt
        kostenlos gratis umsonst frei
        erwachsene volljahrig
        senior rentner alter
        student schuler studenten
        rollstuhl barrierefrei behindert behinderung
        toilette wc klo
        gepack koffer tasche
        zimmer unterkunft ubernachten ubernachtung schlafen
        fruhstuck morgens
        abendessen abends
        trinken getrank
        karte kreditkarte
        rate raten ratenzahlung teilzahlung
        kaution pfand anzahlung
        strafe mahnung zuschlag aufschlag
        inhaber besitzer eigentumer
        chef leiter leitung leitet geschaftsfuhrer vorgesetzter
        adresse anschrift standort wo
        nahe neben umgebung
        ankommen ankunft anreise eintreffen
        abfahren abfahrt abreise
        bus shuttle haltestelle
        flugzeug flug flughafen
        reise ausflug fahrt tour
        versichern versicherung versichert abgedeckt
        unfall sturz zusammenstoss verletzung
        feuer brand brennen
        wasser uberschwemmung leck
        schnee eis winter glatte
        heizen heizung warm warme
        kalt kuhl kuhlen
        larm laut leise ruhe
        licht lampe leuchte
        akku batterie laden aufladen
        strom elektrizitat steckdose
        bildschirm anzeige display
        handy smartphone mobiltelefon
        computer rechner laptop gerat
        app anwendung programm
        webseite seite internetseite homepage
        internet wlan netz online
        einloggen anmelden login zugang
        konto profil benutzerkonto
        hochladen anhangen importieren
        herunterladen exportieren export
        kopie duplikat sicherung
        teilen einladen einladung
        sperren blockieren gesperrt
        grenze hochstens maximum maximal limit begrenzung
        mindestens minimum wenigstens
        sprache ubersetzung
        hilfe unterstutzung support
        beschweren beschwerde reklamation reklamieren
        frage fragen anfrage
        antworten antwort
        kontakt erreichen melden
        brief post
        paket sendung packchen
        mass lange breite hohe abmessung
        stoff material
        farbe farbig
        geschmack schmecken
        suss zucker
        allergie unvertraglichkeit
        vegetarisch vegan fleischlos
        rauchen zigarette
        kleidung anziehen tragen
        schuhe stiefel
        geschenk gutschein schenken
        gewinnen preis gewinn
        kurs unterricht lehrgang schulung workshop
        prufung test
        zeugnis zertifikat bescheinigung nachweis
        lehrer trainer kursleiter
        mitglied mitgliedschaft beitreten
        verlangern verlangerung
        verschieben umbuchen verlegen
        umziehen umzug
        probieren probe testen ausprobieren
        aktualisieren update version
        einstellen einstellung konfigurieren
        ausschalten abschalten deaktivieren
        einschalten aktivieren
        aufbauen montieren montage zusammenbauen
        wartung inspektion warten
        prufen kontrollieren kontrolle
        ersatz ersatzteil austausch ersetzen
        umtauschen umtausch tauschen
        zuruckgeben ruckgabe zuruckbringen retoure zurucksenden
        abholen abholung
        warteliste schlange
        gesetz recht gericht
        unterschreiben unterschrift vertrag vereinbarung
        geheim vertraulich datenschutz
        daten angaben informationen
        sicherheit sicher
        notfall dringend
        schmerz weh schmerzen
        zahn zahnarzt
        schwanger schwangerschaft
        gehalt lohn verdienen verdienst
        bewerben bewerbung einstellung
        umwelt nachhaltig recycling
        mull abfall entsorgen
        tipp rat empfehlung
        hinzufugen erganzen zufugen
        helm schutz
        ausweis pass personalausweis
        gruppe team gruppen
        samstag wochenende
        feiertag feiertage""",
    "french": """
        rembourser remboursement argent
        annuler annulation resilier resiliation
        prix cout tarif frais couter payer montant
        cher bon reduction remise rabais reduit promotion
        acheter commander commande achat
        envoyer livrer livraison expedier expedition
        casse abime endommage defectueux
        reparer reparation
        perdre perdu perte
        voler vol derobe
        supprimer effacer retirer
        changer modifier echanger
        ouvrir ouvert ouverture horaires
        fermer ferme fermeture
        telephone appeler numero
        mail courriel email
        enfant gamin mineur bebe
        chien animal animaux
        voiture vehicule auto
        garer parking stationner stationnement
        velo bicyclette
        employe personnel salarie equipe
        vacances conges conge
        malade maladie
        erreur probleme panne
        garantie garantir
        permis autorise
        interdit defendu
        facture recu
        client hote
        fonder fondateur cree
        manger repas restaurant nourriture
        poids peser lourd kilo
        reserver reservation
        renvoyer retourner retour reprendre rendre
        delai duree temps
        medecin docteur
        medicament remede
        emploi poste travail recrutement
        commencer debut debuter
        finir fin terminer
        garder conserver stocker conservation
        inscrire inscription
        photo image
        laver nettoyer lavage nettoyage
        louer location
        gout saveur arome
        offrir cadeau
        rapide vite express
        lent retard tard tardif
        grand gros taille
        petit compact
        gratuit offert
        adulte majeur
        senior retraite age
        etudiant eleve
        fauteuil handicape accessible accessibilite
        toilettes wc sanitaires
        bagage valise sac
        chambre hebergement dormir loger
        matin petit dejeuner
        diner souper soir
        boire boisson
        carte bancaire
        mensualite echeance echelonner fois
        caution acompte depot
        penalite amende supplement majoration
        proprietaire titulaire
        chef directeur responsable patron dirigeant gerant
        adresse situe emplacement lieu
        pres proche voisin
        arriver arrivee venir
        partir depart quitter
        train gare rail
        bus navette car
        avion vol aeroport
        voyage deplacement trajet
        assurer assurance couvert couverture
        accident choc blessure
        feu incendie bruler
        eau fuite inondation
        pluie meteo orage
        neige glace hiver
        chauffer chauffage chaud chaleur
        froid frais
        bruit silence calme
        lumiere lampe eclairage
        batterie pile charger recharge
        electricite courant
        ecran affichage
        portable smartphone mobile
        ordinateur appareil
        application logiciel
        site page
        internet wifi reseau ligne
        connecter connexion identifiant acces
        compte profil
        telecharger exporter importer
        copie double sauvegarde
        partager inviter invitation
        bloquer suspendre bloque
        limite maximum plafond
        minimum moins
        langue traduction
        aide assistance support
        plainte reclamation
        question demander demande
        repondre reponse
        contacter joindre contact
        lettre poste courrier
        colis paquet envoi
        dimension longueur largeur hauteur
        matiere tissu
        couleur teinte
        sucre sucrer
        allergie allergique allergene
        vegetarien vegan
        alcool vin
        fumer tabac cigarette
        vetement habit
        chaussure botte
        cadeau bon cheque
        gagner prix concours
        cours atelier stage formation
        examen test
        certificat attestation diplome
        professeur formateur enseignant
        membre adherent adhesion abonne
        abonnement formule
        renouveler prolonger reconduction
        reporter decaler deplacer
        demenager demenagement
        essayer essai
        jour actualiser version
        regler reglage parametre configurer
        desactiver eteindre couper
        activer allumer
        monter montage installer installation
        entretien maintenance entretenir
        verifier controle controler
        remplacer remplacement piece
        echange echanger
        recuperer retrait chercher
        attendre attente
        loi juridique tribunal
        signer signature contrat
        confidentiel secret prive
        donnees informations
        securite sur
        urgence urgent
        douleur mal
        dent dentiste
        enceinte grossesse
        salaire remuneration
        postuler candidature embaucher recruter
        environnement durable recycler recyclage dechet ordure
        conseil conseiller recommander
        ajouter supplementaire
        fidelite points
        vendre vente
        temperature degre
        pourriel spam
        groupe equipe
        week samedi dimanche
        noel fetes
        perime peremption conserver
        manquer manquant absent""",
    "spanish": """
        reembolsar reembolso devolver devolucion dinero
        cancelar cancelacion anular rescindir baja
        precio costar coste costo tarifa pagar cuesta importe
        barato descuento rebaja economico oferta
        comprar pedir pedido compra encargar
        enviar envio entregar entrega mandar
        roto averiado danado defectuoso estropeado
        reparar reparacion arreglar arreglo averia
        perder perdido perdida extraviar
        robar robo hurto
        borrar eliminar quitar
        cambiar modificar cambio
        abrir abierto apertura horario
        cerrar cerrado cierre
        telefono llamar numero movil
        correo email
        nino hijo menor
        perro mascota animal chucho
        coche vehiculo auto
        aparcar aparcamiento estacionar
        bicicleta bici
        empleado personal trabajador
        vacaciones viaje
        enfermo enfermedad
        error problema fallo
        garantia garantizar
        permitido autorizado permitir
        prohibido vetado
        factura recibo
        cliente asegurado
        fundar fundador creado
        comer comida restaurante
        peso pesar kilo
        reservar reserva
        plazo duracion tiempo
        medico doctor
        medicamento farmaco
        empleo trabajo despido echar
        empezar comenzar inicio
        terminar fin acabar
        guardar conservar
        inscribir inscripcion registro
        foto imagen
        lavar limpiar limpieza
        alquilar alquiler
        retraso demora tardar
        rapido urgente express
        lento tarde
        grande tamano
        pequeno reducido compacto
        gratis gratuito incluido
        adulto mayor
        jubilado mayor anciano pensionista
        estudiante alumno
        minusvalia discapacidad discapacitado accesible silla
        aseo bano servicio
        equipaje maleta bolsa
        habitacion alojamiento dormir hotel
        desayuno manana
        cena noche
        beber bebida
        tarjeta credito
        plazos fraccionar cuotas aplazar
        fianza deposito anticipo
        multa penalizacion recargo
        dueno propietario titular
        jefe director responsable encargado gerente
        direccion ubicacion situado
        cerca proximo
        llegar llegada venir
        salir salida marchar
        tren estacion
        autobus bus lanzadera
        avion vuelo aeropuerto
        viaje viajar desplazamiento
        asegurar seguro cubierto cubrir cobertura cubre
        accidente golpe choque siniestro lesion
        fuego incendio quemar
        agua fuga inundacion
        lluvia tormenta tiempo
        nieve hielo invierno
        calefaccion calor caliente
        frio fresco
        ruido silencio
        luz lampara bombilla
        bateria pila cargar
        electricidad corriente
        pantalla monitor
        movil smartphone celular
        ordenador computadora dispositivo aparato
        aplicacion app programa
        web pagina sitio
        internet wifi red
        sesion acceso entrar usuario
        cuenta perfil
        subir adjuntar importar
        descargar exportar bajar
        copia duplicado
        compartir invitar
        bloquear suspender
        limite maximo tope
        minimo menos
        idioma lengua traduccion
        ayuda asistencia soporte
        queja reclamacion reclamar
        pregunta consulta
        responder respuesta contestar
        contacto contactar localizar
        carta postal
        paquete envio
        medida largo ancho alto
        material tela
        color tono
        alergia alergico
        vegetariano vegano
        alcohol vino
        fumar tabaco cigarro
        ropa vestir
        zapato bota calzado
        regalo vale
        ganar premio sorteo
        curso clase taller formacion
        examen prueba
        certificado justificante
        profesor formador
        socio miembro
        renovar prorroga renovacion prorrogar
        aplazar posponer retrasar
        mudanza mudarse trasladar domicilio
        probar prueba
        actualizar version
        configurar ajuste ajustar
        desactivar apagar
        activar encender
        montar instalar instalacion
        mantenimiento revision revisar
        comprobar verificar
        sustituir reemplazar recambio
        recoger recogida
        esperar espera
        ley legal juzgado abogado
        firmar firma contrato
        confidencial secreto privado privacidad
        datos informacion
        seguridad seguro
        urgencia emergencia
        dolor doler
        diente dentista
        embarazada embarazo
        sueldo salario ganar
        contratar suscribir
        medioambiente reciclar residuo basura
        consejo recomendar
        anadir sumar agregar
        vecino comunidad
        casa vivienda piso hogar
        cristal vidrio ventana
        llave cerradura cerrajero
        tuberia fontanero
        morir fallecer muerte fallecimiento
        ladron robar
        gafas lentes
        maleta equipaje
        indemnizar indemnizacion pagar pagamos
        aviso avisar comunicar notificar
        alquilado inquilino arrendar""",
    "turkish": """
        iade geri para odeme
        iptal fesih vazgecmek
        fiyat ucret maliyet tutar bedel
        ucuz indirim kampanya
        satin almak siparis
        gonderi kargo teslimat nakliye gondermek
        bozuk arizali kirik hasar ariza
        tamir onarim servis
        kayip kaybetmek
        calinti hirsizlik
        silmek kaldirmak
        degistirmek degisiklik
        acik acilis acmak
        kapali kapanis kapatmak
        telefon aramak numara
        posta eposta
        cocuk bebek
        kopek hayvan kedi
        araba arac otomobil
        otopark park
        calisan personel isci
        tatil izin
        hasta hastalik
        sifre parola
        hata sorun problem
        garanti guvence
        izinli serbest
        yasak yasaktir
        fatura fis
        musteri misafir
        kurmak kurucu kurulmak kurulus
        yemek yiyecek
        agirlik kilo agir
        rezervasyon ayirtmak
        sure zaman muddet
        doktor hekim
        ilac recete
        temizlemek yikamak temizlik
        saklamak tutmak
        kayit uyelik
        resim fotograf
        hizli acele cabuk
        yavas gecikme gec
        buyuk boyut
        kucuk ufak
        ucretsiz bedava bedelsiz
        yetiskin buyuk
        yasli emekli
        ogrenci okul
        engelli tekerlekli
        tuvalet lavabo wc
        bagaj bavul canta
        oda konaklama
        kahvalti sabah
        aksam gece
        icmek icecek
        kart kredi
        taksit vade
        depozito kapora avans
        ceza gecikme
        sahip malik
        mudur yonetici baskan sef sorumlu
        adres konum nerede
        yakin civar
        gelmek varis ulasmak
        gitmek cikis ayrilmak
        tren istasyon
        otobus servis
        ucak havalimani
        seyahat gezi yolculuk
        sigorta guvence kapsam
        kaza yaralanma
        yangin ates
        su sizinti
        yagmur hava
        kar buz kis
        isitma sicak isi
        soguk serin
        gurultu ses sessiz
        isik lamba
        pil batarya sarj
        elektrik akim
        ekran gosterge
        cep telefon
        bilgisayar cihaz
        uygulama yazilim program
        site sayfa web
        internet wifi ag
        giris oturum erisim
        hesap profil
        yuklemek eklemek
        indirmek disari
        kopya yedek
        paylasmak davet
        engellemek kilitlemek
        sinir azami limit
        asgari en
        dil ceviri
        yardim destek
        sikayet itiraz
        soru sormak
        yanit cevap
        iletisim ulasmak
        mektup posta
        paket koli
        olcu uzunluk genislik yukseklik santim
        malzeme kumas
        renk renkli
        tat lezzet aroma
        alerji alerjik
        vejetaryen vegan
        sigara tutun
        giysi kiyafet
        ayakkabi cizme
        hediye armagan cek
        kazanmak odul
        kurs ders atolye egitim
        sinav test
        belge sertifika
        ogretmen egitmen usta
        uye uyelik
        yenilemek uzatmak
        tasinmak tasima
        denemek deneme
        guncellemek guncelleme surum
        ayar ayarlamak
        kapatmak devre
        kurulum montaj takmak
        bakim servis
        kontrol denetim
        yedek parca
        degisim takas
        beklemek bekleme
        yasa hukuk mahkeme
        imza sozlesme anlasma
        gizli gizlilik
        veri bilgi
        guvenlik guvenli
        acil ivedi
        agri aci
        dis disci
        maas ucret
        basvuru ise
        cevre geri donusum atik cop
        oneri tavsiye
        kiralamak kira kiralik
        eski kullanilmis
        kimden kim
        aile es
        bagis bagislamak hayir
        hafta cumartesi pazar
        bayram tatil
        fabrika uretim uretmek""",
    "arabic": """
        استرداد استرجاع ارجاع اعاده
        الغاء فسخ
        سعر ثمن تكلفه رسوم كلفه اجره
        رخيص خصم تخفيض
        شراء طلب اشتري
        ارسال توصيل شحن
        معطل مكسور تالف عطل
        اصلاح صيانه تصليح
        ضائع مفقود فقدان
        سرقه مسروق
        حذف مسح ازاله
        تغيير تعديل تبديل
        دوام مواعيد يفتح
        هاتف جوال رقم اتصال
        بريد ايميل
        طفل ابن ولد صغير
        سياره مركبه
        موقف مواقف
        موظف عامل
        اجازه عطله
        مريض مرض
        خطا مشكله
        ضمان كفاله
        مسموح يسمح
        ممنوع يمنع
        فاتوره ايصال
        موعد حجز
        مده وقت
        طبيب دكتور
        دواء علاج
        الم وجع
        دفع سداد
        وظيفه عمل
        تنظيف غسيل
        سريع عاجل مستعجل
        بطيء تاخير متاخر
        كبير حجم
        مجاني مجانا
        طالب تلميذ
        مسن كبار
        معاق اعاقه كرسي
        غرفه سكن
        مساء ليل
        بطاقه ائتمان
        قسط تقسيط دفعات اقساط
        تامين تغطيه
        غرامه عقوبه
        مالك صاحب
        مدير رئيس مسؤول
        عنوان موقع مكان
        وصول حضور قدوم
        مغادره ذهاب
        سفر رحله
        حادث اصابه
        حريق نار
        ماء تسرب
        حراره ساخن حار
        بارد تبريد
        ضجيج صوت
        بطاريه شحن
        كهرباء تيار
        شاشه عرض
        حاسوب كمبيوتر جهاز
        تطبيق برنامج
        انترنت شبكه
        دخول تسجيل
        حساب ملف
        مشاركه دعوه
        حظر منع ايقاف
        حد اقصي
        لغه ترجمه
        مساعده دعم
        شكوي اعتراض
        سؤال استفسار
        جواب رد
        تواصل اتصال
        رساله بريد
        طرد شحنه
        طول عرض ارتفاع
        تدخين سيجاره
        ملابس لباس
        هديه قسيمه
        دوره درس تدريب
        شهاده وثيقه
        مدرب معلم
        عضو عضويه اشتراك
        تجديد تمديد
        تاجيل نقل
        تجربه اختبار
        تحديث اصدار
        اعداد ضبط اعدادات
        صيانه فحص
        استبدال بدل
        قانون محكمه
        توقيع عقد
        سريه خصوصيه
        بيانات معلومات
        امان حمايه
        طوارئ عاجل
        حمل حامل
        راتب اجر
        توظيف تقديم
        نصيحه توصيه
        اشعه صوره
        تخدير مخدر بنج""",
}  # fmt: skip
# Words of two signs in scripts without blanks, as the index has them.
_SAME_SIGNS = """
    退款 退钱 退费 退货
    取消 退订 解约
    价格 价钱 费用 多钱 收费
    便宜 优惠 折扣 打折
    购买 订购 下单
    发货 送货 配送 快递
    坏了 损坏 故障 破损
    修理 维修 保修
    丢失 遗失 丢了
    被盗 偷走 盗窃
    删除 清除 删了
    恢复 找回 还原
    更改 修改 更换
    电话 手机
    邮件 邮箱
    小孩 孩子 儿童
    宠物 狗狗 动物
    汽车 车辆 停车
    员工 职员
    假期 休假
    生病 患病
    密码 口令
    错误 报错
    允许 可否 准许
    禁止 不准
    发票 收据
    客户 顾客 客人
    创办 创立 创始
    重量 多重
    预订 预约
    期限 时限
    断网 离线 掉线
    求救 报警 胁迫
    返金 払戻
    料金 値段 価格 費用
    割引 安い
    購入 注文
    配送 発送 送料
    故障 破損
    修理 直す
    紛失 忘物
    盗難 盗ま
    削除 消す
    変更 直し
    電話 連絡
    子供 幼児 児童
    愛犬 動物
    駐車 車で
    社員 職員
    休日 定休
    病気 体調
    予約 申込
    禁止 不可
    領収 請求
    食事 朝食 夕食
    雨天 荒天
    撮影 写真
    多快 速度
    免费 赠送
    学生 校园
    老人 老年
    残疾 轮椅
    厕所 洗手
    行李 箱子
    房间 住宿
    早餐 早饭
    晚上 夜间
    饮料 喝的
    分期 月供
    押金 定金
    罚款 滞纳
    老板 经理 总监 负责 主管
    地址 位置
    附近 旁边
    到达 抵达
    离开 退房
    火车 地铁
    公交 巴士
    飞机 航班
    旅行 出门 出差
    保险 理赔
    事故 意外
    着火 火灾
    漏水 水浸
    下雨 雨天
    加热 供暖
    冰箱 冷藏
    噪音 声音
    灯光 照明
    电池 充电 续航
    电源 供电
    屏幕 显示
    手机 移动
    电脑 设备
    应用 软件
    网站 网页
    网络 断网 联网
    登录 登陆
    账号 帐号 账户
    上传 导入
    下载 导出
    备份 复制
    分享 邀请
    封号 冻结
    上限 最多
    下限 最少
    语言 语音
    帮助 支持
    投诉 举报
    提问 咨询
    回答 答复
    联系 客服
    快递 包裹
    尺寸 长度 大小
    材料 材质
    颜色 色彩
    口味 味道
    过敏 敏感
    素食 吃素
    抽烟 吸烟
    衣服 服装
    礼物 赠品
    课程 培训
    考试 测试
    证书 证明
    老师 教练
    会员 成员
    续费 续订
    延期 推迟
    搬家 迁移
    试用 体验
    升级 更新
    设置 设定
    关闭 停用
    开启 启用
    安装 组装
    维护 保养 维修
    检查 检测
    替换 更换
    退回 寄回
    取货 自提
    等待 排队
    法律 法院
    签字 合同
    隐私 保密
    数据 资料
    安全 防护
    紧急 急救
    疼痛 难受
    牙齿 牙科
    怀孕 孕妇
    工资 薪水 收入
    招聘 应聘
    环保 回收
    垃圾 废弃
    建议 推荐
    注销 销号
    遗失 丢失
    找回 恢复
    留存 保留 保存
    离线 掉线
    重置 复位
    钥匙 密码
    创始 创办 创立
    邮箱 邮件
    発車 出発
    到着 着く
    無料 ただ 無償
    学生 生徒
    高齢 年配
    便所 手洗
    宿泊 泊ま
    朝食 朝飯
    夕方 夜間
    飲物 飲料
    分割 月払
    保証 補償
    罰金 違約
    店長 社長 代表 責任
    住所 所在
    近く 付近
    電車 鉄道
    飛行 空港
    保険 共済
    事故 怪我
    火事 火災 焚火
    雨天 雨の
    雪の 積雪
    暖房 暖か
    冷房 冷蔵
    騒音 音楽
    電灯 照明
    電池 充電
    電気 電源
    画面 表示
    携帯 電話
    端末 機器
    通信 接続
    鍵の 認証
    登録 申請
    複写 控え
    共有 招待
    上限 最大
    下限 最小
    言語 翻訳
    援助 支援 助け
    苦情 不満
    質問 問合
    回答 返事
    手紙 郵便
    荷物 小包
    寸法 長さ 大き
    材料 素材
    味わ 風味
    禁煙 喫煙 煙草 たば
    服装 衣類
    贈物 進物
    講座 教室 体験
    試験 検査
    証明 証書
    先生 講師 案内
    会員 加入
    更新 延長
    延期 変更
    引越 移転
    設定 調整
    停止 終了
    開始 始ま
    設置 組立
    点検 検査
    交換 取替
    返品 返却 返送
    受取 引取
    待ち 待機
    法律 裁判
    署名 契約
    秘密 個人
    緊急 急病 救急
    痛み 痛い
    妊娠 妊婦
    給料 給与 時給
    採用 求人 募集
    環境 再生
    ごみ ゴミ
    助言 推奨
    仕事 勤務"""
_SIGNS = [line.split() for line in _SAME_SIGNS.split("\n") if line]


# Letters by which a Turkish word is known here: its stem itself changes with its endings ("kurmak", "kurmuş").
TURKISH_ROOT = 4


@cache
def _by_root(language: str) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for line in _SAME.get(language, "").split("\n"):
        words = [fold(word) for word in line.split()]
        # The words as well: a text too short to show its language has stems of another.
        terms = dict.fromkeys(one for word in words for one in (word, languages.stem(word, language)))
        for root in dict.fromkeys(_root(word, language) for word in words):
            found.setdefault(root, []).extend(terms)
    return {root: tuple(dict.fromkeys(others)) for root, others in found.items()}


def _root(word: str, language: str) -> str:
    return word[:TURKISH_ROOT] if language == "turkish" else languages.stem(word, language)


@cache
def _by_sign() -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for line in _SIGNS:
        pairs = [fold(word) for word in line]
        for pair in pairs:
            found.setdefault(pair, []).extend(one for one in pairs if one != pair)
    return {pair: tuple(dict.fromkeys(others)) for pair, others in found.items()}


def of(word: str, language: str) -> Iterator[str]:
    """The terms of words that mean the same as a folded word of a question, or as two neighbouring signs; maybe its own."""
    if word in _by_sign():
        yield from _by_sign()[word]
    elif language in _SAME:
        yield from _by_root(language).get(_root(word, language), ())
